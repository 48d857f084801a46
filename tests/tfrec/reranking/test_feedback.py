"""Feedback by its formula, and a simulated user whose regret it must lower."""

import numpy as np
import tensorflow as tf

from tfrec.reranking.draft import Draft, Wishes
from tfrec.reranking.feedback import PASSED_OVER, Feedback

RNG = np.random.default_rng(0)
VECTORS = RNG.normal(size=(61, 6)).astype(np.float32)
VECTORS[0] = 0
VECTORS[1:] /= np.linalg.norm(VECTORS[1:], axis=1, keepdims=True)
ROWS = np.arange(1, 61, dtype=np.int32)


def reordered(relevance: np.ndarray, strength: float = 0.5, **feedback: list[int]) -> Draft:
    given = {name: tf.constant([rows], tf.int32) for name, rows in feedback.items()}
    wishes = Wishes.of(tf.zeros([1, 1], tf.int32), tf.constant(10), **given)
    return Feedback(tf.constant(VECTORS), strength)(
        Draft.of(tf.constant([ROWS]), tf.constant([relevance], tf.float32)), wishes
    )


def test_scores_by_the_formula_of_rocchio():
    relevance = RNG.normal(size=60)
    made = reordered(relevance, liked=[3, 5, 0], disliked=[7], shown=[3, 9, 11])
    scaled = (relevance - relevance.min()) / np.ptp(relevance)
    direction = VECTORS[[3, 5]].mean(0) - VECTORS[7] - PASSED_OVER * VECTORS[[9, 11]].mean(0)  # 3 was taken
    expected = scaled + 0.5 * VECTORS[1:] @ direction
    np.testing.assert_array_equal(made.rows[0], ROWS[np.argsort(-expected)])
    np.testing.assert_allclose(made.score[0], np.sort(expected)[::-1], atol=1e-5)


def test_without_feedback_nothing_changes():
    relevance = RNG.normal(size=60)
    made = reordered(relevance, liked=[0], shown=[0, 0])
    np.testing.assert_array_equal(made.rows[0], ROWS[np.argsort(-relevance)])


def test_the_regret_of_users_with_a_known_taste_falls():
    """Ten rounds of five items; a user likes what points along their taste. Regret: the best five less the shown."""
    lower = 0
    for user in range(8):
        rng = np.random.default_rng(user)
        taste, relevance = VECTORS[rng.integers(1, 61)], rng.normal(size=60)
        worth = np.append(-np.inf, VECTORS[1:] @ taste)
        regret = {}
        for adapts in (False, True):
            left, liked, disliked, lost = set(ROWS), [0], [0], 0.0
            for _ in range(6):
                order = (
                    reordered(relevance, 2.0, liked=liked, disliked=disliked)
                    if adapts
                    else reordered(relevance)
                )
                shown = [row for row in order.rows.numpy()[0] if row in left][:5]
                lost += sum(sorted(worth[list(left)])[-5:]) - sum(worth[shown])
                liked += [row for row in shown if worth[row] > 0.3]
                disliked += [row for row in shown if worth[row] < -0.3]
                left -= set(shown)
            regret[adapts] = lost
        lower += regret[True] < regret[False]
    assert lower == 8
