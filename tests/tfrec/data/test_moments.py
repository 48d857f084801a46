"""Moments of the past, against plain loops."""

import numpy as np
import pytest

from tfrec.data.histories import Histories
from tfrec.data.moments import Moments, held_out, held_out_moments, history_rows, moments_of
from tfrec.data.splits import Targets

LENGTHS = [0, 1, 2, 3, 10, 11, 25, 150]


@pytest.fixture(scope="module")
def h() -> Histories:
    item = np.random.default_rng(0).integers(0, 50, sum(LENGTHS)).astype(np.int32)
    return Histories(item, np.cumsum([0, *LENGTHS]), np.zeros(len(item)))


def test_a_tenth_is_held_out_one_at_least_ten_at_most_and_two_are_kept(h):
    #                                  0  1  2  3  10 11 25 150
    assert held_out(h).tolist() == [0, 0, 0, 1, 1, 2, 3, 10]


def test_the_moments_are_the_held_out_interactions(h):
    moments = held_out_moments(h, 1000, seed=0)
    expected = [
        (user, place, h.of(user)[place] + 1)
        for user, held in enumerate(held_out(h))
        for place in range(LENGTHS[user] - held, LENGTHS[user])
    ]
    assert list(zip(moments.user, moments.place, moments.row, strict=True)) == expected
    assert len(moments) == held_out(h).sum()


def test_fewer_moments_are_a_sample_of_all_of_them(h):
    everything = {
        *zip(*(vars(held_out_moments(h, 1000, 0))[name] for name in ("user", "place", "row")), strict=True)
    }
    samples = [held_out_moments(h, 6, seed) for seed in (1, 1, 2)]
    found = [[*zip(m.user, m.place, m.row, strict=True)] for m in samples]
    assert all(len({*sample}) == 6 and {*sample} <= everything for sample in found)
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("length", [1, 4, 40])
def test_history_rows_are_what_came_before(h, length):
    user = np.repeat(np.arange(len(LENGTHS)), np.array(LENGTHS) + 1).astype(np.int32)
    place = np.concatenate(
        [np.arange(n + 1) for n in LENGTHS]
    )  # every place, the one after the last included
    found = history_rows(h, Moments(user, place, np.zeros_like(user)), length)
    for line, u, p in zip(found, user, place, strict=True):
        before = (h.of(u)[:p] + 1)[-length:]
        assert line.tolist() == [*before, *[0] * (length - len(before))]


def test_targets_as_moments(h):
    moments = moments_of(h, Targets(np.array([3, 0], np.int32), np.array([7, 9], np.int32)))
    assert (moments.user.tolist(), moments.place.tolist(), moments.row.tolist()) == ([3, 0], [3, 0], [8, 10])
