"""Exact search against a numpy sort."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.layer_checks import check_layer
from tfrec.retrieval.filters import Filters
from tfrec.retrieval.index import LOWEST, ExactIndex, Query, best, summed_at

ITEMS = 6
# few different values, so that ties are common
SCORES = arrays(
    np.float32, st.tuples(st.integers(1, 3), st.just(ITEMS)), elements=st.integers(-2, 2).map(float)
)


def test_the_layer(tmp_path):
    queries = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    index = check_layer(lambda **kw: ExactIndex(ITEMS, 4, **kw), (queries,), (3, ITEMS), tmp_path)
    np.testing.assert_allclose(index(queries), queries @ index.vectors.numpy().T, atol=1e-5)


def test_made_of_vectors():
    vectors = tf.reshape(tf.range(12.0), [4, 3])
    np.testing.assert_array_equal(ExactIndex.of(vectors)(tf.eye(3)), tf.transpose(vectors))


@settings(max_examples=60, deadline=None)
@given(scores=SCORES, seed=st.integers(0, 1000), k=st.integers(1, 9))
def test_best_is_a_sort_of_what_is_allowed(scores, seed, k):
    blocked = np.random.default_rng(seed).random(scores.shape) < 0.4
    blocked[:, 0] = True
    rows, top = best(tf.constant(scores), tf.constant(blocked), k)
    for line in range(len(scores)):
        order = sorted(np.flatnonzero(~blocked[line]), key=lambda row: (-scores[line, row], row))[:k]
        missing = k - len(order)
        assert rows[line].numpy().tolist() == [*order, *[0] * missing]
        np.testing.assert_array_equal(top[line], [*scores[line, order], *[LOWEST] * missing])


@pytest.mark.parametrize("k", [1, 6, 10])
def test_k_may_be_a_tensor(k):
    scores, blocked = tf.random.stateless_normal([2, ITEMS], [0, 1]), tf.zeros([2, ITEMS], tf.bool)
    for of_tensor, of_number in zip(
        best(scores, blocked, tf.constant(k)), best(scores, blocked, k), strict=True
    ):
        np.testing.assert_array_equal(of_tensor, of_number)


@pytest.mark.parametrize(("wanted", "rows"), [(5, 12), (5, 0), (0, 12), (1, 1)])
def test_sums_of_wanted_rows(wanted, rows):
    rng = np.random.default_rng(wanted)
    asked, stands = (rng.integers(0, ITEMS, (3, width)).astype(np.int32) for width in (wanted, rows))
    values = rng.normal(size=(3, rows, 2)).astype(np.float32)
    expected = [[values[line][stands[line] == row].sum(0) for row in asked[line]] for line in range(3)]
    found = summed_at(*map(tf.constant, (asked, stands, values)))
    np.testing.assert_allclose(found, np.array(expected).reshape(3, wanted, 2), atol=1e-6)


class TestQuery:
    """Inner products, and a bonus for some rows."""

    VECTORS = np.random.default_rng(0).normal(size=(ITEMS, 4)).astype(np.float32)
    QUERY = Query(tf.eye(2, 4), tf.constant([[3, 1, 3], [0, 5, 2]]), tf.constant([[1.0, 2, 4], [0, 8, -1]]))
    SCORES = np.eye(2, 4) @ VECTORS.T + [[0, 2, 0, 5, 0, 0], [0, 0, -1, 0, 0, 8]]

    def test_scores_of_all_and_of_some(self):
        index, rows = ExactIndex.of(self.VECTORS), np.array([[3, 3, 0], [4, 5, 2]], np.int32)
        np.testing.assert_allclose(index.scores(self.QUERY), self.SCORES, atol=1e-6)
        expected = np.take_along_axis(self.SCORES, rows, 1)
        np.testing.assert_allclose(index.score(self.QUERY, tf.constant(rows)), expected, atol=1e-6)

    def test_the_answer(self):
        filters = Filters(tf.constant([[3], [0]]))
        answer = ExactIndex.of(self.VECTORS).search(self.QUERY, filters, 2)
        for line, blocked in enumerate(([0, 3], [0])):
            scores = self.SCORES[line].copy()
            scores[blocked] = -np.inf
            np.testing.assert_array_equal(answer.rows[line], np.argsort(-scores)[:2])
            every = self.SCORES[line, 1:]  # also what is filtered out
            np.testing.assert_allclose(answer.spread.mean[line], every.mean(), atol=1e-5)
            np.testing.assert_allclose(answer.spread.deviation[line], every.std(), rtol=1e-4)
            np.testing.assert_allclose(answer.spread.partition[line], np.log(np.exp(every).sum()), rtol=1e-5)
