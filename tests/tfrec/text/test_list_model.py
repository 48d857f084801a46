"""The listwise loss beside a plain oracle, and the logits of its model."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.themed_texts import themed_encoder, themed_texts
from tfrec.text.behaviour import token_table
from tfrec.text.behaviour_model import TEMPERATURE
from tfrec.text.encoder import TextEncoder
from tfrec.text.list_model import ListModel, listwise_loss

LISTS, LIST = 3, 4


@pytest.mark.parametrize("seed", range(5))
def test_loss_is_that_of_each_answer_among_its_rivals(seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(LISTS, LISTS * LIST)).astype(np.float32)
    rival = rng.random(logits.shape) < 0.6
    losses = []
    for i, row in enumerate(logits):
        answer = i * LIST
        others = [np.exp(value) for c, value in enumerate(row) if c != answer and rival[i, c]]
        losses.append(-np.log(np.exp(row[answer]) / (np.exp(row[answer]) + sum(others))))
    np.testing.assert_allclose(listwise_loss(tf.constant(logits), rival), np.mean(losses), rtol=1e-5)


def test_loss_without_any_rival_is_zero():
    assert float(listwise_loss(tf.constant([[3.0, 9.0]]), np.zeros((1, 2), bool))) == 0.0


@pytest.fixture
def encoder(tmp_path: Path) -> TextEncoder:
    keras.utils.set_random_seed(0)
    return TextEncoder.from_name(themed_encoder(tmp_path / "bert"), sequence_length=8)


def test_logits_are_cosines_of_the_weighed_history_and_every_candidate(encoder):
    texts = themed_texts()[:12]
    tokens, vectors = token_table(encoder, texts), encoder.encode(texts)
    weight = np.float32([[0.8, 1.0], [1.0, 0.0]])
    history, candidates = np.array([[0, 1], [2, 3]]), np.arange(4, 12).reshape(2, 4)
    logits = ListModel(encoder)(
        {"history": tokens[history], "weight": weight, "candidates": tokens[candidates]}
    )
    asked = np.stack([0.8 * vectors[0] + vectors[1], vectors[2]])
    asked /= np.linalg.norm(asked, axis=1, keepdims=True)
    np.testing.assert_allclose(logits, asked @ vectors[4:].T / TEMPERATURE, atol=1e-4)
