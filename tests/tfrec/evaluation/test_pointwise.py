"""Figures of pairs by hand, and against their definitions."""

from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfrec.evaluation.pointwise import (
    Bin,
    area_under_curve,
    calibration_error,
    pointwise_figures,
    reliability,
)

Y = np.array([True, False, True, False])
P = np.array([0.9, 0.6, 0.4, 0.1])


def test_four_pairs_by_hand():
    """One hit, one false alarm, one miss; of the four pairs of true and false three are in order."""
    assert pointwise_figures(Y, P) == {
        "pairs": 4,
        "auc": 3 / 4,
        "log_loss": pytest.approx(-(log(0.9) + log(0.4) + log(0.4) + log(0.9)) / 4),
        "accuracy": 2 / 4,
        "f1": 2 * 1 / (2 * 1 + 1 + 1),
        "ece": pytest.approx((0.1 + 0.6 + 0.6 + 0.1) / 4),
        "told": pytest.approx(2.0 / 4),
        "true": 2 / 4,
    }


def test_bins_hold_equally_many_pairs():
    assert reliability(Y, P, 2) == [Bin(2, pytest.approx(0.25), 0.5), Bin(2, pytest.approx(0.75), 0.5)]
    assert calibration_error(Y, P, 2) == pytest.approx((2 * 0.25 + 2 * 0.25) / 4)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.1, 0.2, 0.5, 0.7])), min_size=1, max_size=30))
def test_the_area_is_the_share_of_pairs_in_order(pairs):
    y, p = np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])
    orders = [1.0 if a > b else 0.5 if a == b else 0.0 for a in p[y] for b in p[~y]]
    found = area_under_curve(y, p)
    assert found == (pytest.approx(np.mean(orders)) if orders else None)


def test_what_means_what_it_says_has_no_error():
    p = np.repeat([0.1, 0.5, 0.9], 10)
    y = np.concatenate([np.arange(10) < n for n in (1, 5, 9)])
    assert calibration_error(y, p, 3) == pytest.approx(0, abs=1e-12)
    assert calibration_error(y, np.repeat([0.3, 0.7, 1.0], 10), 3) == pytest.approx((0.2 + 0.2 + 0.1) / 3)


def test_none_where_there_is_nothing_to_say():
    assert pointwise_figures([], []) == {
        "pairs": 0, "auc": None, "log_loss": None, "accuracy": None, "f1": None, "ece": None, "told": None, "true": None
    }  # fmt: skip
    only_false = pointwise_figures([False], [0.2])
    assert only_false["auc"] is None
    assert only_false["f1"] is None
    with pytest.raises(ValueError, match="one number for each pair"):
        pointwise_figures([True], [[0.1]])
