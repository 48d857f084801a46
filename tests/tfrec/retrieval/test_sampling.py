"""Probabilities of candidates by hand, and what they do to the gradient: it becomes that of the full softmax."""

import numpy as np
import pytest
import tensorflow as tf

from tfrec.retrieval import sampling
from tfrec.retrieval.tfrs import retrieval_loss


def test_a_pool_that_is_small_enough_is_taken_whole():
    pool = tf.constant([2, 5, 7])
    assert sampling.uniform_negatives(pool, 3, tf.constant([1, 2])).numpy().tolist() == [2, 5, 7]
    assert sampling.is_exact(3, 3)
    assert not sampling.is_exact(3, 2)


def test_negatives_are_uniform_over_the_pool_and_follow_the_seed():
    pool = tf.range(10, 110)
    drawn = sampling.uniform_negatives(pool, 99, tf.constant([1, 2]))
    np.testing.assert_array_equal(drawn, sampling.uniform_negatives(pool, 99, tf.constant([1, 2])))
    assert (drawn != sampling.uniform_negatives(pool, 99, tf.constant([1, 3]))).numpy().any()
    many = np.concatenate([sampling.uniform_negatives(pool, 99, tf.constant([0, i])) for i in range(200)])
    counts = np.bincount(many, minlength=110)
    assert not counts[:10].any()
    assert abs(counts[10:] - 198).max() < 5 * 198**0.5  # each of 100 rows: 99 · 200 / 100 draws, Poisson


def test_mixed_probability_by_hand():
    expected = 4 * tf.constant([0.3, 0.5, 0.2])
    share = sampling.mixed_probability(expected, tf.constant(4), 6, 3)
    # 4 draws by frequency and 6 uniform ones from 3 items: (4 · f + 6 / 3) / 10
    np.testing.assert_allclose(share, [(4 * 0.3 + 2) / 10, (4 * 0.5 + 2) / 10, (4 * 0.2 + 2) / 10], rtol=1e-6)


@pytest.mark.parametrize(("in_batch", "negatives"), [(1, 1), (32, 8), (5, 500)])
def test_the_shares_of_a_catalogue_add_up_to_1(in_batch, negatives):
    rng = np.random.default_rng(0)
    expected = in_batch * rng.dirichlet(np.ones(40)).astype(np.float32)
    shares = sampling.mixed_probability(tf.constant(expected), tf.constant(in_batch), negatives, 40)
    np.testing.assert_allclose(tf.reduce_sum(shares), 1, rtol=1e-5)


def test_the_hardest_are_those_that_some_query_likes_best():
    queries = tf.constant([[1.0, 0.0], [0.0, 1.0]])
    vectors = tf.constant([[3.0, 0.0], [0.0, 2.0], [1.0, 1.0], [-1.0, -1.0]])
    rows = tf.constant([5, 6, 7, 8])
    assert sampling.hardest(queries, vectors, rows, tf.constant([1, 2]), 2).numpy().tolist() == [5, 6]
    # its own positive is no negative of a query; the other query likes row 5 less than row 7
    assert sampling.hardest(queries, vectors, rows, tf.constant([5, 2]), 2).numpy().tolist() == [6, 7]


def test_the_streaming_estimate_finds_how_often_items_come():
    frequency = sampling.StreamingFrequency(4, rate=0.02)
    rng = np.random.default_rng(0)
    share = np.array([0.0, 0.8, 0.25, 0.05])
    for _ in range(2000):
        frequency.update(tf.constant(np.flatnonzero(rng.random(4) < share), tf.int32))
    np.testing.assert_allclose(frequency(tf.constant([1, 2, 3])), share[1:], rtol=0.35)
    assert frequency(tf.constant([0])).numpy()[0] == pytest.approx(1 / 100)


def softmax_loss(logits: np.ndarray, target: int) -> float:
    """-log softmax(logits)[target]."""
    return float(np.log(np.exp(logits - logits.max()).sum()) + logits.max() - logits[target])


class TestRetrievalLoss:
    """The task of TFRS, as we use it."""

    rng = np.random.default_rng(0)
    QUERIES = rng.normal(size=(3, 4)).astype(np.float32)
    CANDIDATES = rng.normal(size=(5, 4)).astype(np.float32)

    @pytest.mark.parametrize("temperature", [1.0, 0.25])
    def test_it_is_the_summed_softmax_loss(self, temperature):
        loss = retrieval_loss(temperature=temperature, remove_accidental_hits=False)
        logits = self.QUERIES @ self.CANDIDATES.T / temperature
        expected = sum(softmax_loss(line, i) for i, line in enumerate(logits))
        np.testing.assert_allclose(loss(self.QUERIES, self.CANDIDATES), expected, rtol=1e-5)

    def test_a_probability_takes_its_logarithm_off_the_logit(self):
        loss = retrieval_loss(temperature=1.0, remove_accidental_hits=False)
        probability = np.array([0.1, 0.3, 0.2, 0.1, 0.3], np.float32)
        logits = self.QUERIES @ self.CANDIDATES.T - np.log(probability)
        expected = sum(softmax_loss(line, i) for i, line in enumerate(logits))
        given = loss(self.QUERIES, self.CANDIDATES, candidate_sampling_probability=probability)
        np.testing.assert_allclose(given, expected, rtol=1e-5)

    def test_an_accidental_hit_is_as_if_it_was_not_there(self):
        loss = retrieval_loss(temperature=1.0, remove_accidental_hits=True)
        ids = tf.constant([1, 2, 3, 4, 1])  # the last candidate is the positive of the first query
        with tf.GradientTape() as tape:
            candidates = tf.constant(self.CANDIDATES)
            tape.watch(candidates)
            first = loss(self.QUERIES[:1], candidates, candidate_ids=ids)
        logits = (self.QUERIES @ self.CANDIDATES.T)[0]
        np.testing.assert_allclose(first, softmax_loss(logits[:4], 0), rtol=1e-5)
        # the gradient of a candidate is its probability (less 1 for the positive) times the query
        probability = np.linalg.norm(tape.gradient(first, candidates), axis=1) / np.linalg.norm(
            self.QUERIES[0]
        )
        assert probability[4] < 1e-6
        np.testing.assert_allclose(
            probability[1:4], (np.exp(logits) / np.exp(logits[:4]).sum())[1:4], rtol=1e-4
        )
