"""Feeds training windows to `fit`: the one file of the data layer that needs TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfrec.data.errors import DatasetError
from tfrec.data.histories import Histories, training_windows
from tfrec.data.item_content import ItemContent
from tfrec.data.user_side import Context

BUCKETS = (4, 8, 16, 32, 64, 128, 256)


def next_item_batches(
    h: Histories,
    length: int,
    events: int,
    seed: int,
    *,
    start: bool = False,
    context: ItemContent | None = None,
    weight: np.ndarray | None = None,
) -> tf.data.Dataset:
    """Batches of `({"history": rows, "user": rows}, next rows)`, each int32 `[batch, longest]` and `[batch]` for users.

    Windows of about equal length share a batch, so that little of it is padding, and a batch holds about `events` of
    them whatever their length. Every epoch has another order; the same seed gives the same orders again.

    Args:
        h: histories to learn from.
        length: longest window, in events.
        events: the most events of a batch (one window at least).
        seed: of the shuffling.
        start: whether a user's first event is something to predict as well: the next rows are `[batch, longest + 1]`,
            and begin with it (0 in windows that begin later).
        context: of the interactions; its rows for the next events are a further input `"context"`, a `Context` of
            `[batch, next rows, …]`.
        weight: float32 `[interactions + 1]`, by rows of the interactions table + 1, what the loss of an event counts;
            its values for the next events are a third part of the batches, the sample weights.

    Raises:
        DatasetError: when no user has two events, so that there is no step to learn.
    """
    windows = training_windows(h, length, least=1 if start else 2)
    sizes = np.maximum(np.count_nonzero(windows.rows, axis=1), 2).astype(np.int32)
    if not np.count_nonzero(windows.rows[:, 1:]):
        raise DatasetError(
            "`h` must hold a user with two events at least: there is no step to learn a next item from. Bring more "
            "interactions: of those that a split leaves for training, some user needs two."
        )
    bounds = [size for size in BUCKETS if size < length]
    batches = [max(1, events // size) for size in (*bounds, length)]
    columns = {"window": windows.rows, "user": windows.user + 1, "size": sizes}
    columns |= {"is_first": windows.is_first} if start else {}
    columns |= {} if context is None and weight is None else {"events": windows.events}
    rows = tf.data.Dataset.from_tensor_slices(columns)
    rows = rows.shuffle(len(sizes), seed=seed, reshuffle_each_iteration=True)
    rows = rows.map(_without_padding)
    rows = rows.bucket_by_sequence_length(
        lambda row: tf.shape(row["window"])[0] - 1, [b + 1 for b in bounds], batches
    )
    return rows.map(_example(start, context, weight)).prefetch(4)


def _without_padding(row: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    size = row.pop("size")
    return {name: values[:size] if name in ("window", "events") else values for name, values in row.items()}


def _example(
    start: bool, context: ItemContent | None, weight: np.ndarray | None
) -> Callable[[dict[str, tf.Tensor]], tuple[Any, ...]]:
    """Splits batches of windows in inputs and answers, and looks up the context and the weight of the answers."""
    tables = None if context is None else (tf.constant(context.table), tf.constant(context.category))

    def example(row: dict[str, tf.Tensor]) -> tuple[Any, ...]:
        window, following = row["window"], row["window"][:, 1:]
        if start:
            first = tf.where(row["is_first"][:, None], window[:, :1], 0)
            following = tf.concat([first, following], 1)
        inputs: dict[str, Any] = {"history": window[:, :-1], "user": row["user"]}
        if "events" not in row:
            return inputs, following
        events = row["events"] if start else row["events"][:, 1:]
        if tables is not None:
            inputs["context"] = Context(*(tf.gather(table, events) for table in tables))
        return (inputs, following) if weight is None else (inputs, following, tf.gather(weight, events))

    return example
