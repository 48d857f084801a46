"""Scores for items that the ranker never met: as high among ranking scores as recall puts them among its own.

Its lists hold only items with interactions, so that it reads a new one as the worst of them: without popularity or
co-occurrence. What recall says of a new item does allow for that (`tfrec.retrieval.gains`).
"""

import numpy as np
import tensorflow as tf

KNOTS = 64
TOP_SHARES = 1 - (1 - np.linspace(0, 1, KNOTS)) ** 3  # close together at the top, where slates are made


def fit_levels(retrieval: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Quantiles of recall's log-probabilities and of the ranking scores of the same candidates, float32 `[2, KNOTS]`.

    Args:
        retrieval, scores: float `[n]`, n ≥ 1.
    """
    return np.stack([np.quantile(values, TOP_SHARES) for values in (retrieval, scores)]).astype(np.float32)


def on_level(levels: tf.Tensor, retrieval: tf.Tensor) -> tf.Tensor:
    """The ranking score at the quantile of a log-probability, linear between the knots, constant beyond them.

    Args:
        levels: float32 `[2, KNOTS]`, of `fit_levels`.
        retrieval: float32, of any shape.
    """
    known, level = tf.unstack(levels)
    values = tf.reshape(retrieval, [-1])
    above = tf.clip_by_value(tf.searchsorted(known, values), 1, KNOTS - 1)
    low, high = tf.gather(known, above - 1), tf.gather(known, above)
    share = tf.clip_by_value(tf.math.divide_no_nan(values - low, high - low), 0.0, 1.0)
    found = (1 - share) * tf.gather(level, above - 1) + share * tf.gather(level, above)
    return tf.reshape(found, tf.shape(retrieval))
