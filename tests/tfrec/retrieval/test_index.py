"""Exact search against a numpy sort."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.layer_checks import check_layer
from tfrec.retrieval.index import LOWEST, ExactIndex, best

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
