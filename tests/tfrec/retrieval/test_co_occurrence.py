"""Nearest items against sums over all pairs of events."""

from collections.abc import Sequence

import numpy as np
import pytest

from tfrec.data.histories import Histories
from tfrec.retrieval import co_occurrence
from tfrec.retrieval.co_occurrence import neighbours

ITEMS = 17


def histories_of(*users: Sequence[int]) -> Histories:
    flat = np.concatenate([np.asarray(items, np.int32) for items in users])
    return Histories(flat, np.cumsum([0, *map(len, users)]), np.zeros(len(flat)))


def walks(seed: int, *, repeats: bool = False) -> Histories:
    """40 users of 0 to 15 items of which one, 3, is nobody's."""
    rng = np.random.default_rng(seed)
    known = np.delete(np.arange(ITEMS), 3)
    return histories_of(*(rng.choice(known, rng.integers(16), replace=repeats) for _ in range(40)))


def dense(histories: Histories, discount: float, reach: int = 100) -> np.ndarray:
    """Σ d^-discount of every two events of a user, by item, without a diagonal."""
    sums = np.zeros((ITEMS, ITEMS))
    for user in range(len(histories)):
        items = histories.of(user)
        for one in range(len(items)):
            for other in range(len(items)):
                if 0 < abs(one - other) <= reach:
                    sums[items[one], items[other]] += abs(one - other) ** -discount
    np.fill_diagonal(sums, 0)
    return sums


def check_lines(rows: np.ndarray, cosines: np.ndarray, expected: np.ndarray, k: int) -> None:
    """Each line holds the k best of its item, best first, and nothing where nothing is above 0."""
    assert rows.shape == cosines.shape == (ITEMS + 1, k)
    assert not rows[0].any()
    for item, likeness in enumerate(expected):
        kept = min(k, ITEMS)
        np.testing.assert_allclose(cosines[item + 1, :kept], np.sort(likeness)[::-1][:kept], atol=1e-6)
        found = rows[item + 1] > 0
        assert len(set(rows[item + 1][found])) == found.sum() == min(kept, np.count_nonzero(likeness))
        np.testing.assert_allclose(likeness[rows[item + 1][found] - 1], cosines[item + 1][found], atol=1e-6)
        assert not cosines[item + 1][~found].any()


@pytest.mark.parametrize("k", [1, 4, 50])
@pytest.mark.parametrize("block", [5, 1024])
@pytest.mark.parametrize("discount", [0.0, 0.5])
def test_the_nearest_by_cosine(k, block, discount, monkeypatch):
    monkeypatch.setattr(co_occurrence, "BLOCK", block)
    histories = walks(0)
    norms = np.sqrt(np.maximum(histories.counts(ITEMS), 1))
    expected = dense(histories, discount) / np.outer(norms, norms)
    check_lines(*neighbours(histories, ITEMS, k, distance_discount=discount), expected, k)


def test_without_a_discount_it_is_the_cosine_of_users():
    histories = walks(1)
    seen = histories.matrix(ITEMS).toarray()
    norms = np.maximum(np.linalg.norm(seen, axis=0), 1)
    expected = seen.T @ seen / np.outer(norms, norms)
    np.fill_diagonal(expected, 0)
    check_lines(*neighbours(histories, ITEMS, 16), expected, 16)


def test_repeats_count_as_often_as_they_come():
    histories = walks(2, repeats=True)
    norms = np.sqrt(np.maximum(histories.counts(ITEMS), 1))
    expected = dense(histories, 0.5) / np.outer(norms, norms)
    check_lines(*neighbours(histories, ITEMS, 16, distance_discount=0.5), expected, 16)


def test_what_is_further_apart_than_the_reach_is_not_tied(monkeypatch):
    monkeypatch.setattr(co_occurrence, "REACH", 2)
    histories = walks(3)
    norms = np.sqrt(np.maximum(histories.counts(ITEMS), 1))
    expected = dense(histories, 0.5, reach=2) / np.outer(norms, norms)
    check_lines(*neighbours(histories, ITEMS, 16, distance_discount=0.5), expected, 16)


def test_who_took_all_ties_neighbours_most():
    """0 1 2 3 in a row, and 3 once more: cos(0, d) = d^-½ for d of 1 and 2, 3^-½ / √2 for item 3."""
    rows, cosines = neighbours(histories_of([0, 1, 2, 3], [3]), 4, 3, distance_discount=0.5)
    assert rows[1].tolist() == [2, 3, 4]
    np.testing.assert_allclose(cosines[1], [1, 2**-0.5, 3**-0.5 / 2**0.5], rtol=1e-6)


@pytest.mark.parametrize("discount", [0.0, 0.5])
def test_few_users_make_less_of_a_likeness(discount):
    histories = walks(4)
    users = dense(histories, 0.0)
    norms = np.sqrt(np.maximum(histories.counts(ITEMS), 1))
    expected = dense(histories, discount) / np.outer(norms, norms) * users / (users + 3.0)
    found = neighbours(histories, ITEMS, 16, distance_discount=discount, shrinkage=3.0)
    check_lines(*found, expected, 16)


def test_a_chance_meeting_falls_behind_a_habit():
    """Items 1 and 2 share their only user; items 0 and 3 share 4 of 6 users: 1 > 2/3, but 1 · 1/3 < 2/3 · 4/6."""
    histories = histories_of([0, 1, 2], *[[0, 3]] * 4, [0], [3], [3])
    plain, shrunken = (neighbours(histories, 4, 1, shrinkage=shrinkage) for shrinkage in (0.0, 2.0))
    np.testing.assert_allclose(plain[1][[1, 2]], [[4 / 6], [1.0]], atol=1e-6)
    np.testing.assert_allclose(shrunken[1][[1, 2]], [[4 / 6 * 4 / 6], [1 / 3]], atol=1e-6)


@pytest.mark.parametrize("users", [[[0], [0], [0]], [[]]])
def test_where_nothing_meets_there_are_no_neighbours(users):
    rows, cosines = neighbours(histories_of(*users), 1, 2, distance_discount=0.5)
    assert not rows.any()
    assert not cosines.any()
