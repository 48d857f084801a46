"""Integrated gradients and Shapley values where the answer is known."""

from itertools import permutations

import numpy as np
import pytest
import tensorflow as tf

from tests.layer_checks import randomize
from tfrec.ranking.attribution import integrated_gradients, shapley_values
from tfrec.ranking.ranker import Ranker

FEATURES, CONTENT = 3, 5
RNG = np.random.default_rng(0)
PAIR = {
    "features": RNG.normal(size=(1, 1, FEATURES)).astype(np.float32),
    "candidates": np.array([[2]], np.int32),
    "history": np.array([[1, 3, 0]], np.int32),
}


@pytest.fixture
def ranker() -> Ranker:
    made = Ranker(6, 4, FEATURES, content_dim=CONTENT, units=8, dropout=0.0, maps=2)
    randomize(made)
    return made


def test_the_linear_part_is_exact(ranker):
    """Without what the networks add: weight × standardised feature."""
    for part in (ranker.correction.kernel, ranker.correction.bias, ranker.dynamic.gain):
        part.assign(tf.zeros_like(part))
    parts = integrated_gradients(ranker, PAIR, steps=1)
    scaled = ranker.scale(PAIR["features"]).numpy()[0, 0]
    np.testing.assert_allclose(parts.features, scaled * ranker.linear.kernel.numpy()[:, 0], rtol=1e-4)
    assert not parts.history.any()
    assert parts.score == pytest.approx(float(ranker(PAIR)[0, 0]), abs=1e-5)
    assert abs(parts.error) < 1e-5


def test_parts_add_up_and_padding_adds_nothing(ranker):
    few, many = (integrated_gradients(ranker, PAIR, steps=steps) for steps in (2, 256))
    assert abs(many.error) < 1e-3
    assert abs(many.error) <= abs(few.error)
    assert many.base + many.features.sum() + many.history.sum() + many.error == pytest.approx(many.score)
    assert many.history[2] == 0
    assert np.abs(many.history[:2]).min() > 0


def game(there: np.ndarray) -> np.ndarray:
    """Player 0 adds 1, player 1 adds 2, players 2 and 3 add 4 only together."""
    return there[:, 0] + 2.0 * there[:, 1] + 4.0 * (there[:, 2] & there[:, 3])


def test_what_players_add_whatever_the_orders():
    added, error = shapley_values(game, 4, orders=1)
    np.testing.assert_allclose(
        added, [1, 2, 2, 2]
    )  # of an order and its reverse each of the pair comes last once
    assert error == 0


def test_the_estimate_nears_the_mean_over_all_orders():
    def value(there: np.ndarray) -> np.ndarray:
        return np.sqrt(there @ np.array([1.0, 4.0, 9.0]))

    orders = list(permutations(range(3)))
    exact = np.zeros(3)
    for order in orders:
        for place, player in enumerate(order):
            before, after = (np.isin(np.arange(3), order[:n])[None] for n in (place, place + 1))
            exact[player] += (value(after) - value(before))[0] / len(orders)
    added, error = shapley_values(value, 3, orders=500)
    np.testing.assert_allclose(added, exact, atol=0.03)
    assert abs(error) < 1e-9
