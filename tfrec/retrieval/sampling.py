"""Which candidates a query is trained against, and how likely each of them was to be there (logQ).

Every positive of the batch serves as a negative for the other rows, and uniform negatives from the catalogue stand
beside them (mixed negative sampling, Yang et al. 2020, doi:10.1145/3366424.3386195). When the sample is as large as the
catalogue, the whole catalogue is taken once, and dividing each item by how often it stands among the candidates makes
the softmax exactly the full one.
"""

import tensorflow as tf


def is_exact(pool: int, negatives: int) -> bool:
    """Whether `negatives` draws cover a catalogue of `pool` items, so that the whole catalogue is used instead."""
    return negatives >= pool


def uniform_negatives(pool: tf.Tensor, negatives: int, seed: tf.Tensor) -> tf.Tensor:
    """`negatives` rows drawn uniformly with replacement from `pool` int32 `[items]`; a smaller pool as it is."""
    if is_exact(pool.shape[0], negatives):
        return pool
    drawn = tf.random.stateless_uniform([negatives], seed, 0, pool.shape[0], dtype=tf.int32)
    return tf.gather(pool, drawn)


def multiplicity(rows: tf.Tensor, items: int) -> tf.Tensor:
    """How often each of `rows` int32 `[n]` stands among them, as a share of n: float32 `[n]`."""
    counts = tf.math.unsorted_segment_sum(tf.ones_like(rows, tf.float32), rows, items)
    return tf.gather(counts, rows) / tf.cast(tf.size(rows), tf.float32)


def mixed_probability(
    rows: tf.Tensor, frequency: tf.Tensor, in_batch: tf.Tensor, negatives: int, pool: int
) -> tf.Tensor:
    """Expected share of each candidate row under `in_batch` draws by frequency and `negatives` uniform ones.

    Args:
        rows: int32 `[n]`.
        frequency: float32 `[items]`, each item's share of the training interactions (Q of Yi et al. 2019, eq. 4,
            doi:10.1145/3298689.3346996).
        in_batch: number of positives in the batch.
        negatives: number of uniform draws.
        pool: number of items they were drawn from.

    Returns:
        float32 `[n]`.
    """
    positives = tf.cast(in_batch, tf.float32)
    expected = positives * tf.gather(frequency, rows) + negatives / pool
    return expected / (positives + negatives)
