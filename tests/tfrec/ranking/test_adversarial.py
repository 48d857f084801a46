"""Vectors a step uphill, and a ranker that trains on them."""

import numpy as np
import pytest
import tensorflow as tf

from tests.layer_checks import adopt_statistics, randomize
from tfrec.ranking.adversarial import hardest
from tfrec.ranking.losses import make_loss
from tfrec.ranking.ranker import Ranker

RNG = np.random.default_rng(0)
INPUTS = {
    "features": RNG.normal(size=(8, 5, 2)).astype(np.float32),
    "candidates": RNG.integers(1, 9, (8, 5)).astype(np.int32),
    "history": np.tile(np.array([[3, 4, 0]], np.int32), (8, 1)),
}
LABELS = np.tile(np.eye(5, dtype=np.float32)[0], (8, 1))


def test_a_vector_moves_along_its_slope_by_a_share_of_its_length():
    vectors, slopes = np.array([[[3.0, 4.0], [1.0, 0.0]]]), np.array([[[0.0, 7.0], [0.0, 0.0]]])
    (moved,) = hardest([vectors], [slopes], 0.1)
    np.testing.assert_allclose(moved, [[[3.0, 4.0 + 0.1 * 5.0], [1.0, 0.0]]])


def compiled(adversarial: float) -> Ranker:
    ranker = Ranker(9, 4, 2, units=8, dropout=0.0, adversarial=adversarial)
    randomize(ranker)
    ranker.compile(loss=make_loss("listwise"), jit_compile=False)
    return ranker


def test_the_loss_is_that_of_the_lists_and_of_harder_ones():
    plain, robust = compiled(0.0), compiled(0.3)
    robust.set_weights(plain.get_weights())
    adopt_statistics(robust)
    losses = [
        float(ranker.compute_loss(INPUTS, LABELS, ranker(INPUTS), None, training=True))
        for ranker in (plain, robust)
    ]
    assert losses[1] > losses[0]
    unseen = [float(r.compute_loss(INPUTS, LABELS, r(INPUTS), None, training=False)) for r in (plain, robust)]
    assert unseen[0] == pytest.approx(unseen[1]) == pytest.approx(losses[0])


def test_it_trains_and_its_tables_stay():
    ranker = compiled(0.3)
    before = ranker.vectors.numpy().copy()
    data = tf.data.Dataset.from_tensors((INPUTS, LABELS)).repeat(20)
    losses = ranker.fit(data, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    np.testing.assert_array_equal(ranker.vectors, before)
