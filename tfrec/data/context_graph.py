"""The moment of a request, in the graph as `user_side` reads the moments of the past."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfrec.data.content_graph import ContentGraph
from tfrec.data.histories import Histories
from tfrec.data.item_content import ContentSpec
from tfrec.data.user_side import DAY, GAP, HOUR, TIME_ROLES, TINY, WEEKDAY, Context
from tfrec.schema import Role

PREFIX, TIME = "context_", "time"


class ContextGraph:
    """Inputs `context_<column>` and perhaps `time` → `Context`; a missing value is "" or NaN.

    Args:
        spec: how the context of the interactions was made.
        histories: of the known users, for the time since their last event.
    """

    def __init__(self, spec: ContentSpec, histories: Histories) -> None:
        roles = {
            **dict.fromkeys(spec.categorical, Role.CATEGORICAL),
            **dict.fromkeys(spec.numbers, Role.NUMBER),
        }
        self.graph = ContentGraph(roles, spec)
        self.columns = [column for column in roles if column not in TIME_ROLES]
        self.has_time = GAP in roles
        some, newest = histories.lengths > 0, np.full(len(histories) + 1, np.nan)
        newest[1:][some] = histories.time[histories.start[1:][some] - 1]
        self.newest = tf.constant(newest)  # by user row

    @property
    def layers(self) -> list[Any]:
        """What holds tables."""
        return [self.graph.vocabulary]

    def signature(self) -> dict[str, tf.TensorSpec]:
        """One input for each column, string or float32 `[batch]`, and `time`, float64 `[batch]`, unix seconds."""
        specs = self.graph.signature()
        inputs = {
            PREFIX + name: tf.TensorSpec([None], specs[name].dtype, PREFIX + name) for name in self.columns
        }
        return {**inputs, TIME: tf.TensorSpec([None], tf.float64, TIME)} if self.has_time else inputs

    def defaults(self) -> dict[str, np.ndarray]:
        """Nothing known, `[1]` each."""
        return {
            name: _one("" if spec.dtype == tf.string else np.nan, spec)
            for name, spec in self.signature().items()
        }

    def inputs(self, context: Mapping[str, str | float]) -> dict[str, np.ndarray]:
        """One moment by column (and "time") as the named inputs, `[1]` each; what is left out is not known.

        Raises:
            ValueError: for a name that is no context column.
        """
        specs = self.signature()
        named = {name: TIME if name == TIME and TIME in specs else PREFIX + name for name in context}
        if unknown := [name for name, key in named.items() if key not in specs]:
            known = [key.removeprefix(PREFIX) for key in specs]
            raise ValueError(f"`context` may hold {known}. Received: {unknown}.")
        return {**self.defaults(), **{key: _one(context[name], specs[key]) for name, key in named.items()}}

    def __call__(self, inputs: Mapping[str, tf.Tensor], user: tf.Tensor, is_stored: tf.Tensor) -> Context:
        """The moments of a batch.

        Args:
            inputs: by name, `[batch]`, or `[1]` for all.
            user: rows int32 `[batch]`.
            is_stored: bool `[batch]`, whether the stored history is the one that counts, so that its time is known.
        """
        batch = tf.shape(user)[0]
        whole = {name: tf.broadcast_to(values, [batch]) for name, values in inputs.items()}
        columns = {name: whole[PREFIX + name] for name in self.columns}
        if self.has_time:
            before = tf.where(is_stored, tf.gather(self.newest, user), np.nan)
            columns |= _time_columns(whole[TIME], before)
        return Context(*self.graph(None, columns, batch))


def _time_columns(time: tf.Tensor, before: tf.Tensor) -> dict[str, tf.Tensor]:
    """As `time_columns` does it offline: float64 `[batch]`, the time and that of the event before, NaN = unknown."""
    power = tf.floor(tf.math.log1p(tf.maximum(time - before, 0.0)) / np.log(2) + TINY)
    columns = {HOUR: time % DAY // 3600, WEEKDAY: (time // DAY + 3) % 7, GAP: power}
    return {name: _in_words(values) for name, values in columns.items()}


def _in_words(values: tf.Tensor) -> tf.Tensor:
    known = tf.math.is_finite(values)
    return tf.where(known, tf.strings.as_string(tf.cast(tf.where(known, values, 0.0), tf.int32)), "")


def _one(value: str | float, spec: tf.TensorSpec) -> np.ndarray:
    if spec.dtype == tf.string:
        return np.array([str(value)], object)
    return np.array([value], spec.dtype.as_numpy_dtype)
