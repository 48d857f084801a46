"""The text of a pair: what is known of the user, and the candidate's words, as token ids from tables."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

Tensor = Any


class PairText(keras.layers.Layer):
    """Rows `history` int32 `[batch, length]`, `candidates` int32 `[batch, list]`, `user` int32 `[batch]`, and perhaps
    `text` int32 `[batch, n]`, tokens of a free text → token ids and segment ids, both int32 `[batch · list, tokens]`:

        [CLS] newest title … [SEP] candidate [SEP] profile [SEP] free text [SEP]

    with segment 1 for the candidate, 0 for all that is the user's. Every text has a place of fixed width and is padded
    within it (id 0), so that a pair is made by gathering alone; profile and free text stand last, where they move
    nothing else, and are padding altogether where they say nothing.

    Args:
        table: int `[rows, width]`, the tokens of each row's text without special ones, 0 = none; row 0 is empty.
        marks: ids of [CLS] and [SEP].
        events: newest events of the history that are read.
        event_tokens: of each of them.
        profiles: int `[users + 1, width]`, likewise, of each user; None = `user` is not read.
    """

    def __init__(
        self,
        table: np.ndarray,
        marks: tuple[int, int],
        *,
        events: int = 3,
        event_tokens: int = 12,
        profiles: np.ndarray | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(trainable=False, **kwargs)
        self.events, self.event_tokens, self.marks = events, event_tokens, marks
        self.table = self._table(table, "table")
        self.profiles = None if profiles is None else self._table(profiles, "profiles")
        self.built = True

    def width(self, text_tokens: int) -> int:
        """Tokens of a pair with a free text of so many."""
        profile = 0 if self.profiles is None else self.profiles.shape[1] + 1
        return self.events * self.event_tokens + self.table.shape[1] + 3 + profile + (text_tokens + 1)

    def call(self, inputs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        candidates = inputs["candidates"]
        shape = ops.shape(candidates)

        def for_each(user: Tensor) -> Tensor:
            return ops.broadcast_to(user[:, None], [*shape, ops.shape(user)[1]])

        start, end = (ops.full([*shape, 1], mark, dtype="int32") for mark in self.marks)
        titles = [start, for_each(self._titles(inputs["history"])), end]
        candidate = [ops.take(self.table, candidates, axis=0), end]
        more = [for_each(self._closed(text)) for text in self._more(inputs)]
        tokens = ops.concatenate([*titles, *candidate, *more], -1)
        parts = (ops.concatenate(part, -1) for part in (titles, candidate, more or [start[..., :0]]))
        segments = [ops.full_like(part, side) for part, side in zip(parts, (0, 1, 0), strict=True)]
        length = ops.shape(tokens)[-1]
        return ops.reshape(tokens, [-1, length]), ops.reshape(ops.concatenate(segments, -1), [-1, length])

    def told(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Whether anything is said of the user, bool `[batch]`."""
        parts = [self._titles(inputs["history"]), *self._more(inputs)]
        return ops.any(ops.concatenate(parts, -1) > 0, axis=-1)

    def _titles(self, history: Tensor) -> Tensor:
        """Of the newest events, int32 `[batch, events · event_tokens]`."""
        rows = newest(history, self.events)
        told = ops.take(self.table, rows, axis=0)[..., : self.event_tokens]
        return ops.reshape(told, [ops.shape(rows)[0], self.events * self.event_tokens])

    def _more(self, inputs: Mapping[str, Tensor]) -> list[Tensor]:
        """Profile and free text, each int32 `[batch, n]`, where they are read."""
        profile = [] if self.profiles is None else [ops.take(self.profiles, inputs["user"], axis=0)]
        return [*profile, *([inputs["text"]] if "text" in inputs else [])]

    def _closed(self, text: Tensor) -> Tensor:
        """Tokens int32 `[batch, n]` with a [SEP] behind them where there are any, else 0."""
        end = ops.any(text > 0, axis=-1, keepdims=True)
        return ops.concatenate([text, ops.where(end, self.marks[1], 0)], -1)

    def _table(self, values: np.ndarray, name: str) -> Tensor:
        table = self.add_weight(
            shape=values.shape, dtype="int32", initializer="zeros", trainable=False, name=name
        )
        table.assign(values.astype(np.int32))
        return table


def newest(history: Tensor, count: int) -> Tensor:
    """The last `count` rows of int32 `[batch, length]`, newest first, then zeros."""
    length = ops.sum(ops.cast(history > 0, "int32"), axis=1, keepdims=True)
    place = length - 1 - ops.arange(count, dtype="int32")
    rows = ops.take_along_axis(history, ops.maximum(place, 0), axis=1)
    return ops.where(place >= 0, rows, 0)
