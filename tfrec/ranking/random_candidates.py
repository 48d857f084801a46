"""Random candidates beside those of recall: what a ranker is to know of the items that recall never brings it."""

import tensorflow as tf


def draw_others(available: tf.Tensor, n: int, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """n rows of each line drawn uniformly, none twice, and what their logits are short of.

    They stand for all that are available: in a softmax each counts as `available / n` items, which is its logarithm
    added to the logit (sampled softmax, Bengio & Senécal 2008, doi:10.1109/TNN.2007.912312); the same shift makes the
    odds of a cross-entropy those of all negatives (King & Zeng 2001, "Logistic Regression in Rare Events Data", eq. 7).

    Args:
        available: bool `[batch, items]`.
        n: how many.
        seed: int `[2]`.

    Returns:
        rows int32 `[batch, n]`, 0 where fewer are available; corrections float32 `[batch, n]`.
    """
    lot = tf.where(available, tf.random.stateless_uniform(tf.shape(available), seed), -1.0)
    found, rows = tf.math.top_k(lot, n)
    many = tf.reduce_sum(tf.cast(available, tf.float32), 1, keepdims=True)
    correction = tf.math.log(tf.maximum(many, 1.0) / tf.clip_by_value(many, 1.0, float(n)))
    return tf.where(found >= 0, rows, 0), tf.broadcast_to(correction, tf.shape(rows))
