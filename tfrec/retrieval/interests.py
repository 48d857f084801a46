"""Many interests: several query vectors for one user, so that more than one taste reaches the list.

ComiRec-SA (Cen et al. 2020, arXiv:2005.09347): learned attention heads over the history, each training target routed to
the interest that likes it best, a catalogue scored by the best of the interests. Here the heads stand on the causal
outputs of the history encoder, so that every position has its own interests and is trained.
"""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

Tensor = Any
LOWEST = tf.float32.min


@keras.saving.register_keras_serializable(package="tfrec")
class Interests(keras.layers.Layer):
    """Outputs of a history encoder → several vectors for each position, each an own mean over the events so far.

    An event's weight for an interest is learned from what it is (`W2 tanh(W1 x)`, eq. 7 of the paper) and how long ago.

    Args:
        count: interests of a user.
        length: longest history, in events.
    """

    def __init__(self, count: int, length: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.count, self.length = count, length
        self.normalise = keras.layers.LayerNormalization(dtype=self.dtype_policy)

    def build(self, shape: tuple[Any, ...]) -> None:
        dim = shape[-1]
        self.hidden = keras.layers.Dense(dim, activation="tanh", dtype=self.dtype_policy, name="hidden")
        self.weigh = keras.layers.Dense(self.count, use_bias=False, dtype=self.dtype_policy, name="weigh")
        for layer in (self.hidden, self.weigh, self.normalise):
            layer.build(shape)
        self.distance = self.add_weight(shape=(self.count, self.length), initializer="zeros", name="distance")
        self.built = True

    def call(self, x: Tensor, present: Tensor) -> Tensor:
        """x `[batch, length, dim]`, present bool `[batch, length]` → `[batch, length, interests, dim]`."""
        step = ops.arange(ops.shape(x)[1])
        gap = step[:, None] - step[None, :]
        bias = ops.take(self.distance, ops.clip(gap, 0, self.length - 1), axis=1)
        logits = ops.transpose(self.weigh(self.hidden(x)), (0, 2, 1))[:, :, None, :] + bias
        seen = ops.logical_and(gap[None, None] >= 0, present[:, None, None, :])
        weights = ops.softmax(ops.where(seen, logits, ops.cast(-1e4, logits.dtype)))
        return self.normalise(ops.transpose(ops.matmul(weights, x[:, None]), (0, 2, 1, 3)))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "count": self.count, "length": self.length}


def route(queries: tf.Tensor, positives: tf.Tensor) -> tf.Tensor:
    """The interest that likes its target best: float `[n, interests, dim]`, `[n, dim]` → `[n, dim]` (eq. 8)."""
    liked = tf.einsum("nkd,nd->nk", tf.stop_gradient(queries), tf.stop_gradient(positives))
    return tf.gather(queries, tf.argmax(liked, 1), batch_dims=1)


def best_interest(queries: tf.Tensor, candidates: tf.Tensor) -> tf.Tensor:
    """Inner products of float32 `[batch, dim]` or `[batch, interests, dim]` with `[items, dim]`, of many interests the
    largest: `[batch, items]`."""
    if len(queries.shape) == 2:
        return tf.matmul(queries, candidates, transpose_b=True)
    return largest(tf.einsum("bkd,id->bki", queries, candidates))


def largest(scores: tf.Tensor) -> tf.Tensor:
    """What the best of the interests says: `[batch, interests, items]` → `[batch, items]`."""
    return scores[:, 0] if scores.shape[1] == 1 else tf.reduce_max(scores, 1)


def within_quota(scores: tf.Tensor, blocked: tf.Tensor, k: tf.Tensor | int) -> tf.Tensor:
    """Which rows the interests bring in by their own right, each its best `k // interests` that are not blocked.

    Args:
        scores: float32 `[batch, interests, items]`.
        blocked: bool `[batch, items]`.
        k: how many candidates are wanted in all.

    Returns:
        bool `[batch, items]`.
    """
    batch, interests, items = tf.unstack(tf.shape(scores))
    line = tf.range(tf.cast(batch, tf.int64))[:, None, None]  # batch × items may be more than an int32 counts
    top, rows = tf.math.top_k(tf.where(blocked[:, None], LOWEST, scores), tf.minimum(k // interests, items))
    cells = tf.stack([tf.broadcast_to(line, tf.shape(rows, tf.int64)), tf.cast(rows, tf.int64)], -1)
    cells = tf.boolean_mask(cells, top > LOWEST)
    return tf.scatter_nd(cells, tf.ones_like(cells[:, 0], tf.bool), tf.shape(blocked, tf.int64))
