from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.tiny_bert import tiny_bert
from tfrec.text.encoder import TextEncoder
from tfrec.text.tuning import TUNINGS, apply_tuning

TEXTS = tf.constant(["space ship", "love story", "cook"])


@pytest.fixture
def encoder(tmp_path: Path) -> TextEncoder:
    folder = tiny_bert(
        tmp_path / "bert", ["space", "ship", "love", "story", "cook"], dim=16, layers=3, heads=2
    )
    return TextEncoder.from_name(folder, sequence_length=8)


def train_a_step(encoder: TextEncoder) -> set[str]:
    """The names of the weights that one step changes."""
    before = {weight.path: weight.numpy() for weight in encoder.weights}
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(encoder(TEXTS, training=True)[:, 0])
    variables = encoder.trainable_variables
    gradients = tape.gradient(loss, [variable.value for variable in variables])
    keras.optimizers.Adam(0.01).apply(gradients, variables)
    return {weight.path for weight in encoder.weights if np.any(weight.numpy() != before[weight.path])}


def test_frozen_leaves_nothing_to_train(encoder: TextEncoder):
    assert apply_tuning(encoder, "frozen") == 0
    assert encoder.trainable_variables == []


def test_top_trains_the_last_layers_only(encoder: TextEncoder):
    layer = (
        4 * (16 * 16 + 16) + (16 * 32 + 32) + (32 * 16 + 16) + 2 * 2 * 16
    )  # attention, two dense, two norms
    assert apply_tuning(encoder, "top", layers=2) == 2 * layer
    changed = train_a_step(encoder)
    assert changed
    assert {path.split("/")[0] for path in changed} == {"transformer_layer_1", "transformer_layer_2"}


def test_lora_trains_low_rank_corrections_of_query_and_value(encoder: TextEncoder):
    count = apply_tuning(encoder, "lora", rank=2)
    changed = train_a_step(encoder)
    factors, bias = 16 * 2 * 2 + 2 * 8, 16  # [dim, heads, rank] and [rank, dim of a head]
    assert count == 3 * 2 * (factors + bias)  # three layers, query and value
    assert changed
    assert all("/query/" in path or "/value/" in path for path in changed)
    assert not any(path.endswith("/kernel") for path in changed)


def test_full_trains_all_but_the_unused_pooler(encoder: TextEncoder):
    everything = sum(weight.value.shape.num_elements() for weight in encoder.weights)
    assert apply_tuning(encoder, "full") == everything - (16 * 16 + 16)
    assert {
        "token_embedding/embeddings",
        "transformer_layer_0/feedforward_output_dense/kernel",
    } <= train_a_step(encoder)


@pytest.mark.parametrize("how", sorted(set(TUNINGS) - {"frozen"}))
def test_what_was_learned_is_encoded_saved_and_reloaded(encoder: TextEncoder, tmp_path: Path, how: str):
    texts = [text.decode() for text in TEXTS.numpy()]
    before = encoder.encode(texts)  # traces the graph that must not be used any more
    apply_tuning(encoder, how)
    np.testing.assert_allclose(encoder.encode(texts), before, atol=1e-6)
    train_a_step(encoder)
    train_a_step(encoder)
    learned = encoder.encode(texts)
    assert np.abs(learned - before).max() > 1e-3
    np.testing.assert_allclose(learned, encoder(TEXTS), atol=1e-6)
    model = keras.Sequential([keras.Input((), dtype="string"), encoder])
    model.save(tmp_path / "tuned.keras")
    np.testing.assert_allclose(keras.saving.load_model(tmp_path / "tuned.keras")(TEXTS), learned, atol=1e-5)


def test_tuning_can_be_changed(encoder: TextEncoder):
    full = apply_tuning(encoder, "full")
    assert apply_tuning(encoder, "frozen") == 0
    assert apply_tuning(encoder, "full") == full


def test_unknown_tuning_is_refused(encoder: TextEncoder):
    with pytest.raises(ValueError, match=r"`how` must be one of frozen, top, lora, full\. Received: 'some'"):
        apply_tuning(encoder, "some")
