"""What a clustered index stores, against the vectors it stands for."""

import numpy as np
import pytest

from tests.grown_vectors import grown
from tfrec.retrieval.index_layout import BLOCK, BREADTH, lay_out, metric

ITEMS, DIM, K = 3000, 16, 20


@pytest.fixture(scope="module")
def world() -> tuple[np.ndarray, np.ndarray]:
    return grown(ITEMS, DIM)


@pytest.fixture(scope="module")
def layout(world):
    return lay_out(*world, recall=0.9, k=K)


def test_every_row_stands_once(layout):
    rows = layout.rows[layout.rows > 0]
    assert sorted(rows) == list(range(1, ITEMS + 1))


def test_a_vector_is_centre_and_code(world, layout):
    vectors, _ = world
    code = layout.codes * layout.scale[:, None, None]
    restored = layout.centres[layout.cell][:, None] + code
    error = np.where(layout.rows[..., None] > 0, restored - vectors[layout.rows], 0)
    assert np.abs(error).max() <= layout.scale.max() / 2 * 1.001
    assert np.abs(layout.codes).max() == 127
    assert not layout.codes[layout.rows == 0].any()


def test_the_blocks_of_a_cell_stand_together(layout):
    for cell, (first, end) in enumerate(zip(layout.first, layout.first[1:], strict=False)):
        assert (layout.cell[first:end] == cell).all()
        count = (layout.rows[first:end] > 0).sum()
        assert -(-count // BLOCK) == end - first
        np.testing.assert_allclose(layout.log_size[cell], np.log(count), rtol=1e-5)


def recall_of(layout, vectors, queries, visits) -> float:
    """Share of the exact K best that lie in the first `visits` cells."""
    length = np.linalg.norm(queries, axis=1, keepdims=True)
    order = np.argsort(-(queries @ layout.centres.T + BREADTH * length * layout.spread), axis=1)
    best = np.argsort(-(queries @ vectors[1:].T), axis=1)[:, :K] + 1
    cell_of = np.zeros(len(vectors), int)
    cell_of[layout.rows.ravel()] = np.repeat(layout.cell, BLOCK)
    return float(np.mean([np.isin(cell_of[b], o[:visits]).mean() for b, o in zip(best, order, strict=True)]))


def test_as_many_visits_as_the_recall_needs(world, layout):
    vectors, queries = world
    few = lay_out(vectors, queries, recall=0.5, k=K)
    assert few.visits < layout.visits < len(layout.centres) / 2
    fresh = grown(ITEMS, DIM, queries=400)[1][200:]
    assert recall_of(layout, vectors, fresh, layout.visits) > 0.87
    assert recall_of(layout, vectors, fresh, layout.visits // 2) < 0.9


def test_expected_difference_of_scores_is_distance():
    rng = np.random.default_rng(0)
    queries = (rng.normal(size=(50_000, 5)) * [3, 1, 1, 0.1, 2]).astype(np.float32)
    x, y = rng.normal(size=(2, 200, 5)).astype(np.float32)
    expected = ((queries @ (x - y).T) ** 2).mean(0)
    found = (((x - y) @ metric(queries)) ** 2).sum(1)
    assert np.corrcoef(expected, found)[0, 1] > 0.99


@pytest.mark.parametrize("items", [0, 1, 5])
def test_hardly_any_items(items):
    vectors = np.random.default_rng(0).normal(size=(items + 1, 3)).astype(np.float32)
    layout = lay_out(vectors, recall=0.9, k=100)
    assert sorted(layout.rows[layout.rows > 0]) == list(range(1, items + 1))
    assert len(layout.first) == len(layout.centres) + 1 == 2
    assert layout.visits == 1
