"""Temperature and offset, or rising steps: found again where they are known."""

import numpy as np
import pytest

from tfrec.ranking.probability import fit_isotonic, fit_temperature


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize(("slope", "offset"), [(0.5, -3.0), (2.0, 1.0)])
def test_it_finds_what_made_the_labels(slope, offset):
    rng = np.random.default_rng(0)
    scores = rng.normal(1.0, 2.0, size=(400, 200))
    labels = (rng.random(scores.shape) < sigmoid(slope * scores + offset)).astype(float)
    assert fit_temperature(labels, scores) == pytest.approx((slope, offset), rel=0.05)


def test_masked_places_do_not_count():
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(50, 20))
    labels = (rng.random(scores.shape) < sigmoid(scores)).astype(float)
    wide = [
        np.pad(part, ((0, 0), (0, 5)), constant_values=fill) for part, fill in ((labels, -1), (scores, 99))
    ]
    assert fit_temperature(*wide) == pytest.approx(fit_temperature(labels, scores))


def test_the_mean_probability_is_the_share_of_answers():
    rng = np.random.default_rng(2)
    scores = rng.exponential(size=(300, 50))  # not logistic at all
    labels = (np.argsort(-scores, 1) == 3).astype(float)
    slope, offset = fit_temperature(labels, scores)
    assert sigmoid(slope * scores + offset).mean() == pytest.approx(labels.mean(), rel=0.02)


def test_no_pair_changes_nothing_and_pairs_of_one_kind_are_no_certainty():
    assert fit_temperature(np.full((1, 3), -1.0), np.zeros((1, 3))) == (1.0, 0.0)
    slope, offset = fit_temperature(np.zeros((1, 3)), np.zeros((1, 3)))
    assert sigmoid(offset) == pytest.approx(0.5 / 4, rel=0.01)  # of 3 false pairs: half a true one in 4
    assert slope > 0


def test_isotonic_steps_are_those_of_pool_adjacent_violators():
    """Scores 1 … 6 with labels 0 0 1 0 1 1: the violators 1, 0 share a half; the ends keep half a pair of 7 away."""
    labels, scores = np.array([[0.0, 0, 1, 0, 1, 1, -1]]), np.array([[1.0, 2, 3, 4, 5, 6, 99]])
    knots, told = fit_isotonic(labels, scores)
    assert (knots[0], knots[-1]) == (1, 6)
    edge = 0.5 / 7
    wanted = np.interp(knots, [1, 2, 3, 4, 5, 6], [0, 0, 0.5, 0.5, 1, 1])
    np.testing.assert_allclose(told, np.clip(wanted, edge, 1 - edge), atol=1e-6)


def test_isotonic_steps_of_equal_scores_and_of_none():
    labels, scores = np.array([[1.0, 0, 0, 0]]), np.full((1, 4), 3.0)
    np.testing.assert_allclose(fit_isotonic(labels, scores)[1], 0.25)
    assert np.isfinite(fit_isotonic(np.full((1, 4), -1.0), scores)).all()


def test_isotonic_finds_a_shape_that_no_sigmoid_has():
    rng = np.random.default_rng(0)
    scores = rng.uniform(-3, 3, (400, 50))
    chance = np.where(scores < 0, 0.05, 0.4)
    labels = (rng.random(scores.shape) < chance).astype(float)
    knots, told = fit_isotonic(labels, scores)
    far = np.abs(knots) > 0.5
    np.testing.assert_allclose(told[far], np.where(knots < 0, 0.05, 0.4)[far], atol=0.08)
