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


def test_by_hand():
    """Items 0 and 1 share one of two and one user: 1 / sqrt(2 · 1)."""
    rows, cosines = neighbours(csr_matrix(np.array([[1, 1, 0], [1, 0, 0]], np.float32)), 2)
    assert rows.tolist() == [[0, 0], [2, 0], [1, 0], [0, 0]]
    np.testing.assert_allclose(cosines[:, 0], [0, 2**-0.5, 2**-0.5, 0])


def test_one_item():
    rows, cosines = neighbours(csr_matrix(np.ones((3, 1), np.float32)), 2)
    assert not rows.any()
    assert not cosines.any()
