"""Feeds training windows to `fit`: the one file of the data layer that needs TensorFlow."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfrec.data.errors import DatasetError
from tfrec.data.histories import Histories, training_windows

BUCKETS = (4, 8, 16, 32, 64, 128, 256)


def next_item_batches(h: Histories, length: int, events: int, seed: int) -> tf.data.Dataset:
    """Batches of `({"history": rows, "user": rows}, next rows)`, each int32 `[batch, longest]` and `[batch]` for users.

    Windows of about equal length share a batch, so that little of it is padding, and a batch holds about `events` of
    them whatever their length. Every epoch has another order; the same seed gives the same orders again.

    Args:
        h: histories to learn from.
        length: longest window, in events.
        events: the most events of a batch (one window at least).
        seed: of the shuffling.

    Raises:
        DatasetError: when no user has two events, so that there is no step to learn.
    """
    windows, users = training_windows(h, length)
    if not len(windows):
        raise DatasetError(
            "`h` must hold a user with two events at least: there is no step to learn a next item from. Bring more "
            "interactions: of those that a split leaves for training, some user needs two."
        )
    sizes = np.count_nonzero(windows, axis=1).astype(np.int32)
    bounds = [size for size in BUCKETS if size < length]
    batches = [max(1, events // size) for size in (*bounds, length)]
    rows = tf.data.Dataset.from_tensor_slices((windows, users + 1, sizes))
    rows = rows.shuffle(len(windows), seed=seed, reshuffle_each_iteration=True)
    rows = rows.map(lambda window, user, size: (window[:size], user))
    rows = rows.bucket_by_sequence_length(
        lambda window, _: tf.shape(window)[0] - 1, [b + 1 for b in bounds], batches
    )
    return rows.map(lambda window, user: ({"history": window[:, :-1], "user": user}, window[:, 1:])).prefetch(
        4
    )
