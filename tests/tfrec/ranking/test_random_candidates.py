"""Random candidates: drawn fairly, and corrected so that a softmax over few means one over all."""

import numpy as np
import tensorflow as tf

from tfrec.ranking.random_candidates import draw_others


def test_a_corrected_softmax_is_that_of_all_items_on_average():
    """log Σ exp over the answer and 5 of 40 others, with the correction, against the sum over all 40."""
    scores = np.random.default_rng(0).normal(size=40).astype(np.float32)
    available = tf.ones([4000, 40], tf.bool)
    rows, correction = draw_others(available, 5, tf.constant([0, 0]))
    sampled = np.exp(scores[rows] + correction).sum(1)
    assert abs(sampled.mean() / np.exp(scores).sum() - 1) < 0.02


def test_every_available_row_is_as_likely_as_another():
    available = np.arange(10) % 2 == 0
    rows, _ = draw_others(tf.constant(np.tile(available, (3000, 1))), 2, tf.constant([1, 2]))
    counts = np.bincount(rows.numpy().ravel(), minlength=10)
    assert not counts[~available].any()
    np.testing.assert_allclose(counts[available] / 3000, 2 / 5, atol=0.04)
    assert (rows[:, 0] != rows[:, 1]).numpy().all()


def test_fewer_than_asked_are_all_of_them():
    rows, correction = draw_others(tf.constant([[False, True, False, True]]), 3, tf.constant([0, 0]))
    assert sorted(rows.numpy()[0]) == [0, 1, 3]
    np.testing.assert_allclose(correction, np.log(2 / 2))
