"""Tuned weights on their own: small, and all that is needed beside the encoder they came from."""

from pathlib import Path

import keras
import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.tiny_bert import tiny_bert
from tfrec.text.encoder import TextEncoder
from tfrec.text.tuned_weights import load_tuned, save_tuned
from tfrec.text.tuning import TUNINGS, apply_tuning

WORDS = ["space", "ship", "love", "story", "cook"]
TEXTS = ["space ship", "love story", "cook", "cook love"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny_bert(tmp_path / "bert", WORDS, dim=16, layers=3)


def encoder_of(folder: Path) -> TextEncoder:
    return TextEncoder.from_name(folder, sequence_length=8)


def tuned(folder: Path, how: str) -> TextEncoder:
    """As training leaves it: every open weight moved."""
    encoder, rng = encoder_of(folder), np.random.default_rng(0)
    apply_tuning(encoder, how, rank=2)
    for weight in encoder.trainable_weights:
        weight.assign(weight + rng.normal(scale=0.1, size=weight.shape))
    return encoder


@pytest.mark.parametrize("how", sorted(set(TUNINGS) - {"frozen"}))
def test_the_same_vectors_come_back_in_an_encoder_like_new(folder, tmp_path, how):
    before = encoder_of(folder)
    teacher = tuned(folder, how)
    save_tuned(teacher, tmp_path / "tuned.safetensors")
    again = encoder_of(folder)
    load_tuned(again, tmp_path / "tuned.safetensors")
    np.testing.assert_allclose(again.encode(TEXTS), teacher.encode(TEXTS), atol=1e-5)
    assert np.abs(again.encode(TEXTS) - before.encode(TEXTS)).max() > 1e-2
    assert [weight.path for weight in again.weights] == [
        weight.path for weight in before.weights
    ]  # no factors
    assert again.fingerprint != before.fingerprint


def test_the_lora_file_holds_the_corrections_alone(folder, tmp_path):
    save_tuned(tuned(folder, "lora"), tmp_path / "lora.safetensors")
    saved = load_file(tmp_path / "lora.safetensors")
    factors, bias = 16 * 2 * 2 + 2 * 8, 16  # [dim, heads, rank] and [rank, dim of a head]
    assert sum(value.size for value in saved.values()) == 3 * 2 * (factors + bias)
    assert {name.split("/")[-1] for name in saved} == {"lora_kernel_a", "lora_kernel_b", "bias"}


def test_twice_the_same_file_gives_the_same_fingerprint(folder, tmp_path):
    """What was cached of a run's texts is found when the run is opened again."""
    save_tuned(tuned(folder, "lora"), tmp_path / "lora.safetensors")
    prints = []
    for _ in range(2):
        keras.utils.set_random_seed(len(prints))
        encoder = encoder_of(folder)
        load_tuned(encoder, tmp_path / "lora.safetensors")
        prints.append(encoder.fingerprint)
    assert prints[0] == prints[1]


@pytest.mark.parametrize("other", [{"dim": 8}, {"layers": 2}])
def test_weights_of_another_language_model_are_refused(folder, tmp_path, other):
    save_tuned(tuned(folder, "lora"), tmp_path / "lora.safetensors")
    smaller = encoder_of(tiny_bert(tmp_path / "other", WORDS, **{"dim": 16, "layers": 3, **other}))
    fingerprint = smaller.fingerprint
    with pytest.raises(ValueError, match=r"expected the weights of the language model at hand.*of another"):
        load_tuned(smaller, tmp_path / "lora.safetensors")
    assert smaller.fingerprint == fingerprint  # untouched
