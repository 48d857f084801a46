"""Cells: a partition, of bounded size, of what is near."""

import numpy as np
import pytest

from tfrec.retrieval.cells import assign, cut, k_means, make_cells


def clouds(count: int, each: int, dim: int = 4, seed: int = 0) -> np.ndarray:
    """Clouds of points, far from one another: cloud i is rows i · each … (i + 1) · each."""
    rng = np.random.default_rng(seed)
    centres = 20 * np.eye(max(count, dim))[:count, :dim] + 20 * rng.normal(size=(count, dim))
    return (np.repeat(centres, each, 0) + rng.normal(size=(count * each, dim))).astype(np.float32)


@pytest.mark.parametrize(("vectors", "size"), [(1, 32), (31, 32), (33, 32), (500, 32), (5000, 48)])
def test_cells_are_a_partition_of_bounded_size(vectors, size):
    cells = make_cells(np.random.default_rng(0).normal(size=(vectors, 3)).astype(np.float32), size)
    assert sorted(cells.order) == list(range(vectors))
    assert cells.start[0] == 0
    assert cells.start[-1] == vectors
    assert cells.sizes.min() >= 1
    assert cells.sizes.max() <= size
    assert len(cells) == len(cells.sizes)


def test_equal_vectors_are_cut_all_the_same():
    cells = make_cells(np.ones((1000, 4), np.float32), 32)
    assert cells.sizes.max() <= 32
    assert cells.sizes.sum() == 1000


def test_sums_by_cell():
    vectors = clouds(3, 50)
    cells = make_cells(vectors, 32)
    for cell, total in enumerate(cells.sums(vectors)):
        members = cells.order[cells.start[cell] : cells.start[cell + 1]]
        np.testing.assert_allclose(total, vectors[members].sum(0), rtol=1e-4)


def test_k_means_finds_clouds():
    vectors = clouds(4, 100)
    means = k_means(vectors, 12, np.random.default_rng(0))
    nearest = assign(vectors, means)
    for cell in np.unique(nearest):
        assert len({*(np.flatnonzero(nearest == cell) // 100)}) == 1


def test_assign_is_the_least_distance():
    vectors, means = clouds(5, 10), clouds(1, 7, seed=1)
    distance = ((vectors[:, None] - means[None]) ** 2).sum(2)
    np.testing.assert_array_equal(assign(vectors, means), distance.argmin(1))


def test_a_cut_is_across_the_widest_direction():
    along = np.linspace(-9, 9, 40)
    vectors = np.stack([np.random.default_rng(0).normal(size=40), along], 1).astype(np.float32)
    parts = cut(vectors, np.arange(40), 20)
    assert sorted(map(len, parts)) == [20, 20]
    assert {frozenset(part.tolist()) for part in parts} == {frozenset(range(20)), frozenset(range(20, 40))}


def test_the_same_seed_gives_the_same_cells():
    vectors = clouds(5, 200)
    one, other = make_cells(vectors, 32, seed=3), make_cells(vectors, 32, seed=3)
    np.testing.assert_array_equal(one.order, other.order)
    np.testing.assert_array_equal(one.start, other.start)
