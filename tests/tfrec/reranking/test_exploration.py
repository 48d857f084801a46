"""The drawn order: its distribution, and the propensities that are told."""

import numpy as np
import tensorflow as tf

from tfrec.reranking.draft import Draft, Wishes
from tfrec.reranking.exploration import Exploration, propensity
from tfrec.reranking.random_draw import seeds, uniform

SCORES = np.array([1.0, 0.6, 0.0])  # relevance 10, 8, 5
STRENGTH = 0.5


def draws(requests: int, strength: float = STRENGTH) -> tuple[Draft, Draft, tf.Tensor]:
    rows = tf.tile([[1, 2, 3]], [requests, 1])
    before = Draft.of(rows, tf.tile([[5.0, 10.0, 8.0]], [requests, 1]))
    given = tf.fill([requests], strength)
    wishes = Wishes.of(rows, tf.constant(3), exploration=given, seed=tf.range(requests, dtype=tf.int64))
    return before, Exploration()(before, wishes), given


def test_the_first_place_is_drawn_by_the_softmax_of_the_scores():
    _, after, _ = draws(4000)
    shares = [(after.rows.numpy()[:, 0] == row).mean() for row in (2, 3, 1)]
    expected = np.exp(SCORES / STRENGTH) / np.exp(SCORES / STRENGTH).sum()
    np.testing.assert_allclose(shares, expected, atol=0.03)


def test_propensities_are_those_of_plackett_and_luce():
    before, after, strength = draws(20)
    told = propensity(before, after, strength).numpy()
    of_row = {2: SCORES[0], 3: SCORES[1], 1: SCORES[2]}
    for rows, chances in zip(after.rows.numpy(), told, strict=True):
        weights = np.exp([of_row[row] / STRENGTH for row in rows])
        np.testing.assert_allclose(chances, weights / np.cumsum(weights[::-1])[::-1], rtol=1e-4)


def test_every_order_is_drawn_as_often_as_its_propensity_says():
    before, after, strength = draws(4000)
    whole = propensity(before, after, strength).numpy().prod(1)
    is_order = (after.rows.numpy() == [3, 2, 1]).all(1)
    assert abs(is_order.mean() - whole[is_order][0]) < 0.03


def test_without_strength_the_order_stays_and_is_certain():
    before, after, strength = draws(3, 0.0)
    assert after.rows.numpy().tolist() == before.rows.numpy().tolist()
    assert (propensity(before, after, strength).numpy() == 1).all()


def test_places_without_a_candidate_are_never_drawn():
    rows = tf.constant([[4, 0, 7]])
    draft = Draft.of(rows, tf.zeros([1, 3]))
    wishes = Wishes.of(rows, tf.constant(3), exploration=tf.constant([1.0]))
    after = Exploration()(draft, wishes)
    assert after.rows.numpy()[0, 2] == 0
    assert np.isfinite(propensity(draft, after, tf.constant([1.0]))).all()


def test_numbers_are_uniform_and_hang_on_both_arguments():
    numbers = uniform(tf.range(300, dtype=tf.int64)[:, None], tf.range(40)[None]).numpy()
    assert ((numbers > 0) & (numbers < 1)).all()
    np.testing.assert_allclose(np.histogram(numbers, 10, (0, 1))[0] / numbers.size, 0.1, atol=0.02)
    assert abs(np.corrcoef(numbers[:-1].ravel(), numbers[1:].ravel())[0, 1]) < 0.05
    assert abs(np.corrcoef(numbers[:, :-1].ravel(), numbers[:, 1:].ravel())[0, 1]) < 0.05


def test_a_seed_does_not_hang_on_padding():
    one, padded = (seeds(tf.constant(["u"]), tf.constant([["", "a", *pad]])) for pad in ([], ["", ""]))
    assert one.numpy() == padded.numpy()
    assert one.numpy() != seeds(tf.constant(["u"]), tf.constant([["", "b"]])).numpy()
