from math import sqrt

import numpy as np
import pytest

from tfrec.evaluation.intervals import mean_interval, paired_difference


def test_interval_of_a_proportion_is_near_the_normal_one():
    values = np.repeat([0.0, 1.0], [300, 700])
    mean, low, high = mean_interval(values)
    reach = 1.96 * sqrt(0.7 * 0.3 / 1000)
    assert mean == pytest.approx(0.7)
    assert (low, high) == pytest.approx((0.7 - reach, 0.7 + reach), abs=0.004)


def test_resampling_counts_is_resampling_queries():
    """The same interval, within the noise of the draws, as drawing the queries themselves."""
    values = np.random.default_rng(0).exponential(size=400)
    drawn = np.random.default_rng(1).choice(values, size=(4000, 400)).mean(axis=1)
    assert mean_interval(values)[1:] == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.01)


def test_a_wider_level_gives_a_wider_interval():
    values = np.arange(50.0)
    narrow, wide = mean_interval(values, level=0.5), mean_interval(values, level=0.99)
    assert wide.low < narrow.low < narrow.mean < narrow.high < wide.high


def test_the_same_value_everywhere_is_certain():
    assert mean_interval([0.25] * 7) == (0.25, 0.25, 0.25)


def test_the_seed_decides():
    values = np.random.default_rng(0).normal(size=100)
    assert mean_interval(values, seed=3) == mean_interval(values, seed=3)
    assert mean_interval(values, seed=3) != mean_interval(values, seed=4)


def test_memory_blocks_change_nothing_but_the_draws(monkeypatch):
    values = np.random.default_rng(0).normal(size=200)
    whole = mean_interval(values)
    monkeypatch.setattr("tfrec.evaluation.intervals._COUNTS_AT_ONCE", 200 * 7)
    assert mean_interval(values) == pytest.approx(whole)


def test_pairing_finds_a_small_steady_gain_that_separate_intervals_hide():
    hard = np.random.default_rng(0).uniform(size=300)
    gain = np.tile([0.0, 0.02], 150)
    ours, theirs = mean_interval(hard + gain), mean_interval(hard)
    difference = paired_difference(hard + gain, hard)
    assert ours.low < theirs.high, "apart they overlap"
    assert difference.mean == pytest.approx(0.01)
    assert 0.008 < difference.low < difference.high < 0.012


def test_the_order_decides_the_sign():
    ours, theirs = np.array([1.0, 1.0, 0.0]), np.array([0.0, 1.0, 0.0])
    assert (
        paired_difference(ours, theirs).mean == -paired_difference(theirs, ours).mean == pytest.approx(1 / 3)
    )


def test_unequal_queries_are_refused():
    with pytest.raises(
        ValueError, match=r"same queries in the same order. Received: shapes \(2,\) and \(3,\)"
    ):
        paired_difference([1, 0], [1, 0, 0])


@pytest.mark.parametrize(
    ("values", "level", "message"),
    [
        ([], 0.95, "at least one query"),
        ([[1.0]], 0.95, r"Received: shape \(1, 1\)"),
        ([1.0, np.nan], 0.95, "Received: 1 that are not"),
        ([1.0], 1.0, "between 0 and 1"),
        ([1.0], 0, "between 0 and 1"),
    ],
)
def test_bad_input_is_refused(values, level, message):
    with pytest.raises(ValueError, match=message):
        mean_interval(values, level=level)
