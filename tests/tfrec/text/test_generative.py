"""A generative language model of two families, with tokenizers of two kinds."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.tiny_bert import tiny_bert
from tests.tiny_causal import tiny_llama, tiny_qwen
from tfrec.text.generative import GenerativeModel, GenerativeModelNotFound

WORDS = ["rocket", "planet", "bread"]
FAMILIES: dict[str, Callable[..., Path]] = {"llama": tiny_llama, "qwen": tiny_qwen}


@pytest.fixture(scope="module", params=FAMILIES)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> GenerativeModel:
    folder = FAMILIES[request.param](tmp_path_factory.mktemp(request.param) / "model", WORDS)
    return GenerativeModel.from_name(folder)


def ids(model: GenerativeModel, text: str) -> list[int]:
    """What KerasHub's own tokenizer says of a text, in Python."""
    return [int(token) for token in model.tokenizer([text])[0]]


def test_parts_are_what_the_whole_text_is_made_of(model):
    parts = model.pieces(tf.constant(["rocket planet", "bread", ""]), 6).numpy()
    together = [token - 1 for part in parts for token in part if token]
    assert together == ids(model, "; rocket planet bread")[model.lead :]
    assert not parts[2].any()


def test_a_part_is_cut_to_its_width_and_broken_text_is_read_all_the_same(model):
    texts = tf.constant([b"bread " * 99, b"\xff\xfe bread", "面包".encode(), b""])
    parts = model.pieces(texts, 5).numpy()
    assert parts.shape == (4, 5)
    assert (parts[:3, 0] > 0).all()
    assert not parts[3].any()


def test_the_likelihood_is_that_of_the_whole_model(model):
    prompt, title = ids(model, "rocket planet bread"), [7, 0, 5]  # 0 is a token as any other
    whole = np.array([*prompt, *title, 9, 9])
    logits = model.generate.__self__({"token_ids": whole[None], "padding_mask": np.ones_like(whole)[None]})
    log_softmax = tf.nn.log_softmax(logits)[0].numpy()
    first = len(prompt)
    expected = np.mean([log_softmax[first + n - 1, token] for n, token in enumerate(title)])
    tokens = np.zeros((2, first + 6), np.int32)
    tokens[:, : first + 3] = whole[: first + 3] + 1
    tokens[1, first:] = 0  # nothing to score
    found = model.log_likelihood(tf.constant(tokens), tf.constant([first, first]), 6).numpy()
    np.testing.assert_allclose(found, [expected, 0.0], rtol=1e-4)


def test_padding_changes_nothing(model):
    tokens = tf.constant([[3, 4, 5, 6, 0, 0, 0]])
    first = tf.constant([2])
    np.testing.assert_allclose(
        model.log_likelihood(tokens, first, 5), model.log_likelihood(tokens[:, :4], first, 2), rtol=1e-5
    )


def test_it_writes_the_same_again_and_not_the_prompt(model):
    written = model.write("rocket planet", tokens=8)
    assert isinstance(written, str)
    assert written == model.write("rocket planet", tokens=8)
    assert not written.startswith("rocket planet")


@pytest.mark.parametrize("name", ["no/such/folder", "gemma_without_number"])
def test_a_name_that_stands_for_nothing_is_refused_at_once(name):
    with pytest.raises(GenerativeModelNotFound, match=r"neither a folder nor a KerasHub preset.*\n.*will do"):
        GenerativeModel.from_name(name)


def test_a_folder_of_another_kind_is_refused_with_what_would_do(tmp_path):
    (tmp_path / "empty").mkdir()
    for folder in (tiny_bert(tmp_path / "bert"), tmp_path / "empty"):
        with pytest.raises(GenerativeModelNotFound, match=r"could not be loaded[\s\S]*Llama, Gemma"):
            GenerativeModel.from_name(folder)
