from pathlib import Path
from typing import Any

import keras
import keras_hub
import numpy as np
import pytest
import tensorflow as tf

from tests.layer_checks import randomize
from tests.tiny_bert import tiny_bert
from tfrec.text.bert import hidden_states, is_plain

TOKENS = np.array([[2, 9, 8, 7, 3], [2, 6, 3, 0, 0]], np.int32)
INPUTS = {
    "token_ids": tf.constant(TOKENS),
    "padding_mask": tf.constant((TOKENS > 0).astype(np.int32)),
    "segment_ids": tf.constant([[0, 0, 0, 1, 1], [0, 1, 1, 0, 0]]),
}
PRESENT = TOKENS > 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("bert"), dim=24, layers=2, heads=3)


@pytest.fixture
def backbone(folder: Path) -> Any:
    backbone = keras_hub.models.Backbone.from_preset(str(folder))
    randomize(backbone)
    return backbone


def test_the_states_are_those_of_the_backbone(backbone: Any):
    assert is_plain(backbone)
    expected = backbone(INPUTS)["sequence_output"].numpy()
    found = hidden_states(backbone, INPUTS).numpy()
    np.testing.assert_allclose(found[PRESENT], expected[PRESENT], atol=1e-5)
    assert np.abs(expected[0, 0] - expected[0, 1]).max() > 0.1  # else any states would do


def test_corrections_of_lora_count(backbone: Any):
    before = hidden_states(backbone, INPUTS).numpy()
    backbone.enable_lora(2)
    for layer in backbone._flatten_layers():
        if getattr(layer, "lora_enabled", False):
            layer.lora_kernel_b.assign(np.full(layer.lora_kernel_b.shape, 0.3))
    expected = backbone(INPUTS)["sequence_output"].numpy()
    np.testing.assert_allclose(hidden_states(backbone, INPUTS).numpy()[PRESENT], expected[PRESENT], atol=1e-5)
    assert np.abs(expected - before).max() > 0.1


def test_a_batch_of_nothing(backbone: Any):
    empty = {name: value[:0] for name, value in INPUTS.items()}
    assert hidden_states(backbone, empty).shape == (0, 5, 24)


def test_other_backbones_go_their_own_way(folder: Path):
    half = keras_hub.models.Backbone.from_preset(str(folder), dtype="mixed_bfloat16")
    assert not is_plain(half)
    assert hidden_states(half, INPUTS).dtype == keras.backend.standardize_dtype("bfloat16")
