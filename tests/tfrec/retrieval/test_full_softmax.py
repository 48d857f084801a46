"""The softmax over a catalogue in blocks, against TensorFlow's dense one."""

import numpy as np
import pytest
import tensorflow as tf

from tfrec.retrieval.full_softmax import BLOCK, full_softmax_loss

ITEMS, DIM = 30, 5


@pytest.mark.parametrize("count", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_loss_and_gradients_are_those_of_the_dense_softmax(count):
    rng = np.random.default_rng(0)
    queries, candidates = (tf.Variable(rng.normal(size=(n, DIM)).astype(np.float32)) for n in (count, ITEMS))
    positives = tf.constant(rng.integers(0, ITEMS, count), tf.int32)
    weights = tf.constant(rng.integers(0, 3, count), tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        blocked = 2 * full_softmax_loss(queries, candidates, positives, weights)
        logits = tf.matmul(queries, candidates, transpose_b=True)
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(positives, logits)
        dense = 2 * tf.reduce_sum(weights * each)
    np.testing.assert_allclose(blocked, dense, rtol=1e-5)
    for variable in (queries, candidates):
        expected = tf.convert_to_tensor(tape.gradient(dense, variable))
        np.testing.assert_allclose(tape.gradient(blocked, variable), expected, atol=1e-4)


def test_a_hopeless_positive_still_has_a_finite_loss():
    queries, candidates = tf.constant([[300.0]]), tf.constant([[1.0], [-1.0]])
    assert np.isfinite(full_softmax_loss(queries, candidates, tf.constant([1]), tf.ones(1)))
