"""Levels: where a score stands among others, against numpy's interpolation."""

import numpy as np
import pytest
import tensorflow as tf

from tfrec.ranking.levels import KNOTS, fit_levels, on_level


@pytest.mark.parametrize("change", [lambda x: 3 * x - 1, np.exp], ids=["line", "curve"])
def test_a_score_stands_where_its_log_probability_does(change):
    """Of scores that only rise with it, a candidate gets its own."""
    known = np.sort(np.random.default_rng(0).normal(-6, 2, 20_000))
    found = on_level(tf.constant(fit_levels(known, change(known))), tf.constant(known[::100], tf.float32))
    np.testing.assert_allclose(found, change(known[::100]), atol=0.02, rtol=0.02)


def test_it_interpolates_and_the_ends_stand_for_all_beyond():
    rng = np.random.default_rng(1)
    levels = np.sort(rng.normal(size=(2, KNOTS)), 1).astype(np.float32)
    asked = np.append(rng.normal(0, 3, 23), levels[0, 5]).reshape(4, 6).astype(np.float32)
    np.testing.assert_allclose(on_level(tf.constant(levels), asked), np.interp(asked, *levels), atol=1e-5)


def test_equal_log_probabilities_have_one_level():
    levels = fit_levels(np.full(5, -3.0), np.arange(5.0))
    found = on_level(tf.constant(levels), tf.constant([[-4.0, -3.0, -2.0]]))
    assert np.isfinite(found).all()
    assert np.ptp(levels[1]) == 4
