"""Nearest items against the dense matrix of cosines."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from tfrec.retrieval import co_occurrence
from tfrec.retrieval.co_occurrence import neighbours


def dense_cosines(seen: np.ndarray) -> np.ndarray:
    """Between the columns of a binary matrix; 0 with itself and where a column is empty."""
    norms = np.linalg.norm(seen, axis=0)
    cosines = seen.T @ seen / np.maximum(np.outer(norms, norms), 1e-9)
    np.fill_diagonal(cosines, 0)
    return cosines


@pytest.mark.parametrize("k", [1, 4, 50])
@pytest.mark.parametrize("block", [5, 1024])
def test_the_nearest_by_cosine(k, block, monkeypatch):
    monkeypatch.setattr(co_occurrence, "BLOCK", block)
    seen = (np.random.default_rng(0).random((40, 17)) < 0.15).astype(np.float32)
    seen[:, 3] = 0  # an item that nobody has met
    rows, cosines = neighbours(csr_matrix(seen), k)
    expected = dense_cosines(seen)
    assert rows.shape == cosines.shape == (18, k)
    assert not rows[0].any()
    for item in range(17):
        kept = min(k, 17)
        np.testing.assert_allclose(cosines[item + 1, :kept], np.sort(expected[item])[::-1][:kept], atol=1e-6)
        found = rows[item + 1] > 0
        assert len(set(rows[item + 1][found])) == found.sum()
        np.testing.assert_allclose(
            expected[item][rows[item + 1][found] - 1], cosines[item + 1][found], atol=1e-6
        )
        assert not cosines[item + 1][~found].any()


@pytest.mark.parametrize("block", [5, 1024])
def test_few_users_make_less_of_a_likeness(block, monkeypatch):
    monkeypatch.setattr(co_occurrence, "BLOCK", block)
    seen = (np.random.default_rng(1).random((40, 17)) < 0.2).astype(np.float32)
    rows, cosines = neighbours(csr_matrix(seen), 16, shrinkage=3.0)
    together = seen.T @ seen
    expected = dense_cosines(seen) * together / (together + 3.0)
    for item in range(17):
        found = rows[item + 1] > 0
        np.testing.assert_allclose(
            cosines[item + 1][found], expected[item][rows[item + 1][found] - 1], atol=1e-6
        )
        assert found.sum() == np.count_nonzero(expected[item])
    assert (np.diff(cosines, axis=1) <= 0).all()


@pytest.mark.parametrize("block", [5, 1024])
@pytest.mark.parametrize(("discount", "shrinkage"), [(0.5, 0.0), (1.0, 0.0), (1.0, 3.0)])
def test_users_of_many_items_count_less(block, discount, shrinkage, monkeypatch):
    monkeypatch.setattr(co_occurrence, "BLOCK", block)
    seen = (np.random.default_rng(2).random((40, 17)) < np.linspace(0.05, 0.6, 40)[:, None]).astype(
        np.float32
    )
    seen[3] = 0  # a user without items
    rows, cosines = neighbours(csr_matrix(seen), 16, user_discount=discount, shrinkage=shrinkage)
    counted = seen * np.maximum(seen.sum(1, keepdims=True), 1) ** (-discount / 2)
    together = seen.T @ seen
    expected = dense_cosines(counted) * together / (together + shrinkage)
    for item in range(17):
        found = rows[item + 1] > 0
        np.testing.assert_allclose(
            cosines[item + 1][found], expected[item][rows[item + 1][found] - 1], atol=1e-6
        )
        assert found.sum() == np.count_nonzero(expected[item])


def test_who_took_all_tells_little():
    """A user of two items ties 0 to 1; one of all four items ties 0 to 1, 2 and 3, and one has 1 alone.

    Of items 0 and 1 with discount 1: (1/2 + 1/4) / √((1/2 + 1/4)(1/2 + 1/4 + 1)); of 0 and 2: (1/4) / √(3/4 · 1/4).
    """
    seen = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [0, 1, 0, 0]], np.float32)
    rows, cosines = neighbours(csr_matrix(seen), 3, user_discount=1.0)
    assert rows[1, 0] == 2
    np.testing.assert_allclose(cosines[1], [0.75 / (0.75 * 1.75) ** 0.5, *[0.25 / (0.75 * 0.25) ** 0.5] * 2])
    plain = neighbours(csr_matrix(seen), 3)[1][1]
    np.testing.assert_allclose(plain, [2 / 6**0.5, 0.5**0.5, 0.5**0.5], atol=1e-6)


def test_a_chance_meeting_falls_behind_a_habit():
    """Items 1 and 2 share their only user; items 0 and 3 share 4 of 6 users: 1 > 2/3, but 1 · 1/3 < 2/3 · 4/6."""
    seen = np.zeros((9, 4), np.float32)
    seen[0, [0, 1, 2]] = 1  # the first of the users of item 0
    seen[1:5, [0, 3]] = 1
    seen[5, 0], seen[6:8, 3] = 1, 1
    plain, shrunken = (neighbours(csr_matrix(seen), 1, shrinkage=shrinkage) for shrinkage in (0.0, 2.0))
    np.testing.assert_allclose(plain[1][[1, 2]], [[4 / 6], [1.0]], atol=1e-6)
    np.testing.assert_allclose(shrunken[1][[1, 2]], [[4 / 6 * 4 / 6], [1 / 3]], atol=1e-6)


def test_by_hand():
    """Items 0 and 1 share one of two and one user: 1 / sqrt(2 · 1)."""
    rows, cosines = neighbours(csr_matrix(np.array([[1, 1, 0], [1, 0, 0]], np.float32)), 2)
    assert rows.tolist() == [[0, 0], [2, 0], [1, 0], [0, 0]]
    np.testing.assert_allclose(cosines[:, 0], [0, 2**-0.5, 2**-0.5, 0])


def test_one_item():
    rows, cosines = neighbours(csr_matrix(np.ones((3, 1), np.float32)), 2)
    assert not rows.any()
    assert not cosines.any()
