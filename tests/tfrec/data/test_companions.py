"""Texts that keep company, worked out by hand and by an oracle in plain Python."""

import numpy as np
import pytest

from tfrec.data.companions import Companions, find_companions
from tfrec.data.histories import Histories


def of_lists(*lists: list[int]) -> Histories:
    flat = np.array([item for items in lists for item in items], np.int32)
    return Histories(flat, np.cumsum([0, *map(len, lists)]), np.zeros(len(flat)))


def pairs(companions: Companions) -> set[tuple[str, str]]:
    one, other = companions.together.nonzero()
    return {(companions.texts[i], companions.texts[j]) for i, j in zip(one, other, strict=True)}


def both_ways(*pairs: str) -> set[tuple[str, str]]:
    return {(a, b) for a, b in pairs} | {(b, a) for a, b in pairs}


@pytest.mark.parametrize(("reach", "expected"), [(1, ["ab", "bc"]), (2, ["ab", "bc", "ac"])])
def test_neighbours_in_a_history_within_reach(reach, expected):
    assert pairs(find_companions(of_lists([0, 1, 2], [3]), list("abcd"), reach=reach)) == both_ways(*expected)


def test_nobody_keeps_company_across_users():
    assert pairs(find_companions(of_lists([0, 1], [2, 3]), list("abcd"))) == both_ways("ab", "cd")


def test_items_with_the_same_text_are_one_and_no_company_of_themselves():
    assert pairs(find_companions(of_lists([0, 1, 2]), ["a", "a", "b"])) == both_ways("ab")


def test_an_item_without_text_is_nothing_to_read():
    companions = find_companions(of_lists([0, 1, 2]), ["a", "", "b"])
    assert pairs(companions) == both_ways("ab")  # two steps apart


@pytest.mark.parametrize("lists", [[], [[]], [[0], [1]]])
def test_histories_without_a_step(lists):
    companions = find_companions(of_lists(*lists), ["a", "b"])
    assert len(companions.accompanied) == 0
    assert not companions.hold_out(np.random.default_rng(0)).any()


@pytest.fixture
def companions() -> Companions:
    rng = np.random.default_rng(0)
    lists = [rng.permutation(60)[: rng.integers(0, 9)].tolist() for _ in range(80)]
    return find_companions(of_lists(*lists), [f"text {i:02}" for i in range(60)])


def test_companions_of_random_histories():
    rng = np.random.default_rng(1)
    lists = [rng.integers(0, 12, rng.integers(0, 9)).tolist() for _ in range(12)]
    near = {
        (a, b)
        for items in lists
        for i, a in enumerate(items)
        for j, b in enumerate(items)
        if abs(i - j) <= 3 and a != b
    }
    found = find_companions(of_lists(*lists), [f"{i:02}" for i in range(12)], reach=3)
    assert {(int(a), int(b)) for a, b in pairs(found)} == near


def test_drawn_companions_are_ones_own_each_as_likely(companions):
    asked = np.full(20_000, companions.accompanied[3])
    own = np.flatnonzero(companions.between(asked[:1], np.arange(60))[0])
    share = np.bincount(companions.draw(asked, np.random.default_rng(0)), minlength=60) / len(asked)
    np.testing.assert_allclose(share[own], 1 / len(own), atol=0.02)
    np.testing.assert_allclose(share[own].sum(), 1)


def test_who_is_left_out_keeps_no_company(companions):
    left_out = np.arange(60) % 4 == 0
    rest = companions.without(left_out)
    everything = np.arange(60)
    kept = ~left_out[:, None] & ~left_out
    np.testing.assert_array_equal(
        rest.between(everything, everything), companions.between(everything, everything) & kept
    )
    assert not left_out[rest.accompanied].any()


def test_a_tenth_of_those_with_company_is_held_out(companions):
    held = companions.hold_out(np.random.default_rng(0))
    assert held.sum() == np.ceil(0.1 * len(companions.accompanied))
    assert set(np.flatnonzero(held)) <= set(companions.accompanied)
