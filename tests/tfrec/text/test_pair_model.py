"""The contrastive loss beside a plain oracle, and the steps of its model."""

from pathlib import Path

import keras
import numpy as np
import pytest

from tests.themed_texts import themed_encoder, themed_texts
from tfrec.text.behaviour import token_table
from tfrec.text.behaviour_model import TEMPERATURE
from tfrec.text.encoder import TextEncoder
from tfrec.text.pair_model import PairModel, contrastive_loss


def one_way(logits: np.ndarray, rival: np.ndarray) -> float:
    losses = []
    for i, row in enumerate(logits):
        others = [np.exp(value) for j, value in enumerate(row) if j != i and rival[i, j]]
        losses.append(-np.log(np.exp(row[i]) / (np.exp(row[i]) + sum(others))))
    return float(np.mean(losses))


@pytest.mark.parametrize("seed", range(5))
def test_loss_is_the_mean_of_both_ways(seed):
    rng = np.random.default_rng(seed)
    logits, rival = rng.normal(size=(6, 6)).astype(np.float32), rng.random((6, 6)) < 0.7
    expected = (one_way(logits, rival) + one_way(logits.T, rival.T)) / 2
    np.testing.assert_allclose(contrastive_loss(logits, rival), expected, rtol=1e-5)


def test_loss_without_any_rival_is_zero():
    assert float(contrastive_loss(np.float32([[3, 9], [9, 3]]), np.zeros((2, 2), bool))) == 0.0


def test_loss_of_equal_logits_is_that_of_chance():
    loss = contrastive_loss(np.zeros((4, 4), np.float32), ~np.eye(4, dtype=bool))
    np.testing.assert_allclose(loss, np.log(4), rtol=1e-6)


@pytest.fixture
def encoder(tmp_path: Path) -> TextEncoder:
    keras.utils.set_random_seed(0)
    return TextEncoder.from_name(themed_encoder(tmp_path / "bert"), sequence_length=8)


@pytest.fixture
def batch(encoder: TextEncoder) -> dict[str, np.ndarray]:
    tokens = token_table(encoder, themed_texts()[:8])
    return {"anchor": tokens[:4], "companion": tokens[4:], "rival": ~np.eye(4, dtype=bool)}


def test_logits_are_cosines_of_anchors_and_companions(encoder, batch):
    vectors = encoder.encode(themed_texts()[:8])
    np.testing.assert_allclose(
        PairModel(encoder)(batch), vectors[:4] @ vectors[4:].T / TEMPERATURE, atol=1e-4
    )


def test_compiled_steps_are_the_same(encoder, batch):
    keras.utils.set_random_seed(0)
    plain, compiled = (PairModel(encoder, xla=xla) for xla in (False, True))
    for layer in encoder.backbone._flatten_layers():
        layer.rate = 0.0  # dropout draws other numbers when compiled
    (loss, gradients), (expected, others) = compiled.gradients(batch), plain.gradients(batch)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    for one, other in zip(gradients, others, strict=True):
        np.testing.assert_allclose(dense(one), dense(other), atol=1e-5)


def dense(gradient) -> np.ndarray:
    """A gradient that names only the rows of a table, as a whole table."""
    import tensorflow as tf

    return tf.convert_to_tensor(gradient).numpy()
