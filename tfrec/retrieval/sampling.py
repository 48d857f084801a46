"""Which candidates a query is trained against, and how likely each of them was to be there (logQ).

Every positive of the batch serves as a negative for the other rows, and uniform negatives from the catalogue stand
beside them (mixed negative sampling, Yang et al. 2020, doi:10.1145/3366424.3386195). A sample as large as the
catalogue is the catalogue: `tfrec.retrieval.full_softmax`.
"""

from typing import Any

import keras
import tensorflow as tf

HARD_FROM = 8  # rows drawn for each hard negative that is kept


def is_exact(pool: int, negatives: int) -> bool:
    """Whether `negatives` draws cover a catalogue of `pool` items, so that the whole catalogue is used instead."""
    return negatives >= pool


def uniform_negatives(pool: tf.Tensor, negatives: int, seed: tf.Tensor) -> tf.Tensor:
    """`negatives` rows drawn uniformly with replacement from `pool` int32 `[items]`; a smaller pool as it is."""
    if is_exact(pool.shape[0], negatives):
        return pool
    drawn = tf.random.stateless_uniform([negatives], seed, 0, pool.shape[0], dtype=tf.int32)
    return tf.gather(pool, drawn)


def mixed_probability(expected: tf.Tensor, in_batch: tf.Tensor, negatives: int, pool: int) -> tf.Tensor:
    """Expected share of each candidate row under a batch's positives and `negatives` uniform draws.

    Args:
        expected: float32 `[n]`, how often each row is expected among the positives of a batch.
        in_batch: number of positives in the batch.
        negatives: number of uniform draws.
        pool: number of items they were drawn from.

    Returns:
        float32 `[n]`.
    """
    return (expected + negatives / pool) / (tf.cast(in_batch, tf.float32) + negatives)


def hardest(
    queries: tf.Tensor, candidates: tf.Tensor, rows: tf.Tensor, positives: tf.Tensor, count: int
) -> tf.Tensor:
    """The `count` rows that some query likes best: hard negatives, drawn from what was drawn uniformly.

    Args:
        queries: float32 `[queries, dim]`.
        candidates: float32 `[n, dim]`, vectors of `rows`.
        rows: int32 `[n]`.
        positives: int32 `[queries]`; a query's liking for its own positive does not count.
        count: at most n.
    """
    logits = tf.matmul(queries, candidates, transpose_b=True)
    logits = tf.where(rows[None, :] == positives[:, None], tf.float32.min, logits)
    return tf.gather(rows, tf.math.top_k(tf.reduce_max(logits, 0), count).indices)


@keras.saving.register_keras_serializable(package="tfrec")
class StreamingFrequency(keras.layers.Layer):
    """How often each item is expected among a batch's positives, estimated from the stream of batches alone.

    For an item seen at step t, and before at step A: `B ← (1 - α) B + α (t - A)`; 1 / B is the expected number of steps
    with it (Yi et al. 2019, algorithm 2, doi:10.1145/3298689.3346996; one array, as rows need no hashing).

    Args:
        items: rows.
        rate: α.
        first: B of an item that was not seen yet, in steps.
    """

    def __init__(self, items: int, *, rate: float = 0.05, first: float = 100.0, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.items, self.rate, self.first = items, rate, first
        same: dict[str, Any] = {"trainable": False, "aggregation": "only_first_replica"}
        unseen = keras.initializers.Constant(first)
        self.gap = self.add_weight(shape=(items,), initializer=unseen, name="gap", **same)
        self.seen = self.add_weight(shape=(items,), initializer="zeros", name="seen", **same)
        self.step = self.add_weight(shape=(), initializer="zeros", name="step", **same)
        self.built = True

    def update(self, rows: tf.Tensor) -> None:
        """One step with the positives `rows` int32 `[n]`."""
        rows, _ = tf.unique(rows)
        step = self.step.value + 1.0
        before = tf.gather(self.seen.value, rows)
        gap = tf.gather(self.gap.value, rows)
        moved = tf.where(before > 0, (1 - self.rate) * gap + self.rate * (step - before), gap)
        self.gap.assign(tf.tensor_scatter_nd_update(self.gap.value, rows[:, None], moved))
        self.seen.assign(
            tf.tensor_scatter_nd_update(self.seen.value, rows[:, None], tf.fill(tf.shape(rows), step))
        )
        self.step.assign(step)

    def call(self, rows: tf.Tensor) -> tf.Tensor:
        """The expected number of each of `rows` int32 `[n]` among the positives of a step: float32 `[n]`."""
        return 1.0 / tf.gather(self.gap.value, rows)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "items": self.items, "rate": self.rate, "first": self.first}
