"""The loop that slate-wise re-rankers share: one candidate after another, each the best in view of those before."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfrec.reranking.draft import ABSENT

Update = Callable[[tf.Tensor, Any, tf.Tensor, tf.Tensor], tuple[tf.Tensor, Any]]


def choose(worth: tf.Tensor, count: tf.Tensor, state: Any, update: Update) -> tuple[tf.Tensor, tf.Tensor]:
    """Choose `count` candidates of each row, of equals the earlier.

    A turn costs one dispatch for each op of `update`, whatever its size: what can be computed for all turns at once
    should be, before the loop.

    Args:
        worth: float32 `[batch, list]`, what each candidate is worth at first; the lowest float for those that may not
            be chosen.
        count: int32 scalar.
        state: what the formula remembers, any structure of tensors.
        update: (worth, state, turn, place int32 `[batch]`) → worth and state once these are chosen. It must see to it
            that nobody is chosen twice, as `without` does.

    Returns:
        places int32 `[batch, count]` and what they were worth float32 `[batch, count]`. Once the candidates are used
        up: place 0, `tf.float32.min`.
    """

    def turn(
        i: tf.Tensor, worth: tf.Tensor, state: Any, places: tf.TensorArray, gains: tf.TensorArray
    ) -> tuple:
        gain, best = tf.math.top_k(worth, 1)
        worth, state = update(worth, state, i, best[:, 0])
        return i + 1, worth, state, places.write(i, best[:, 0]), gains.write(i, gain[:, 0])

    arrays = (tf.TensorArray(tf.int32, count), tf.TensorArray(tf.float32, count))
    start = (tf.constant(0), worth, state, *arrays)
    *_, places, gains = tf.while_loop(lambda i, *_: i < count, turn, start, parallel_iterations=1)
    return tf.transpose(places.stack()), tf.transpose(gains.stack())


def without(worth: tf.Tensor, place: tf.Tensor) -> tf.Tensor:
    """float32 `[batch, list]` with the lowest float at a place int32 `[batch]` of each row."""
    return tf.where(tf.range(tf.shape(worth)[1]) == place[:, None], ABSENT, worth)
