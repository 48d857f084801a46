"""Parts of reading a request: ids looked up, blanks dropped, the newest events kept, seen items remembered."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf


def id_lookup(ids: Sequence[str]) -> keras.layers.StringLookup:
    """Strings → rows int64: `ids[p]` gives p + 1; anything else, "" included, gives 0."""
    # "" is no id, and "[UNK]", which Keras would keep for itself, may be one
    lookup = keras.layers.StringLookup(vocabulary=list(ids), num_oov_indices=1, mask_token=None, oov_token="")
    lookup(tf.constant([""]))
    return lookup


def compact(rows: tf.Tensor, length: int) -> tf.Tensor:
    """The last `length` rows of each line int32 `[batch, n]` that are not 0, in order, from column 0 on."""
    present = tf.cast(rows > 0, tf.int32)
    place = tf.cumsum(present, axis=1) - 1
    skipped = tf.maximum(tf.reduce_sum(present, axis=1, keepdims=True) - length, 0)
    column = tf.where((rows > 0) & (place >= skipped), place - skipped, length)
    line = tf.broadcast_to(tf.range(tf.shape(rows)[0])[:, None], tf.shape(rows))
    target = tf.reshape(tf.stack([line, column], -1), [-1, 2])
    return tf.scatter_nd(target, tf.reshape(rows, [-1]), [tf.shape(rows)[0], length + 1])[:, :length]


def marked(rows: tf.Tensor, items: int) -> tf.Tensor:
    """Which of `items` rows stand in each line of rows int32 `[batch, n]`: bool `[batch, items]`; row 0 always does."""
    batch = tf.shape(rows)[0]
    rows = tf.concat([tf.zeros([batch, 1], rows.dtype), rows], 1)
    line = tf.broadcast_to(tf.range(batch)[:, None], tf.shape(rows))
    # int64: batch × items may be more than an int32 counts
    places = tf.cast(tf.stack([line, rows], -1), tf.int64)
    shape = tf.stack([tf.cast(batch, tf.int64), items])
    return tf.scatter_nd(places, tf.ones_like(rows, tf.bool), shape)


@keras.saving.register_keras_serializable(package="tfrec")
class UserMemory(keras.layers.Layer):
    """What each known user did before the export, for requests that bring no history.

    Args:
        users: rows, row 0 (an unknown user, who did nothing) included.
        events: all stored events.
    """

    def __init__(self, users: int, events: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.users, self.events = users, events
        self.start = self.add_weight(
            shape=(users + 1,), initializer="zeros", dtype="int64", trainable=False, name="start"
        )
        self.rows = self.add_weight(
            shape=(events + 1,), initializer="zeros", dtype="int32", trainable=False, name="rows"
        )
        self.built = True

    @classmethod
    def of(cls, start: np.ndarray, items: np.ndarray) -> "UserMemory":
        """From the `start` int64 `[users + 1]` and `item` int32 `[events]` (positions) of `Histories`."""
        memory = cls(len(start), len(items))
        memory.start.assign(np.concatenate([[0], start]))
        memory.rows.assign(np.append(items + 1, 0))
        return memory

    def call(self, user: tf.Tensor) -> tf.Tensor:
        """User rows int32 `[batch]` → stored item rows int32 `[batch, longest]`, oldest first, 0 at the right."""
        start = tf.gather(self.start.value, user)
        length = tf.gather(self.start.value, user + 1) - start
        column = tf.range(tf.reduce_max(length))
        flat = tf.where(column < length[:, None], start[:, None] + column, self.events)
        return tf.gather(self.rows.value, flat)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "users": self.users, "events": self.events}
