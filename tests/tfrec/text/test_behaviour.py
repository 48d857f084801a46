"""Behaviour teaches what matters: themes of texts that mislead, also those of texts that were held out."""

import logging
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.themed_texts import found_by_theme, themed_encoder, themed_histories, themed_texts
from tfrec.config import TuningConfig
from tfrec.data.companions import Companions, find_companions
from tfrec.data.histories import Histories
from tfrec.data.text_lists import TextLists, find_text_lists
from tfrec.text.behaviour import Lesson, teach, token_table
from tfrec.text.encoder import TextEncoder
from tfrec.text.pair_course import HeldOutPairs
from tfrec.text.pair_model import PairModel

TEXTS = themed_texts()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return themed_encoder(tmp_path_factory.mktemp("bert"))


def config(**settings) -> TuningConfig:
    return TuningConfig(**{"batch": 16, "epochs": 18, "learning_rate": 0.02, "xla": False, **settings})


def taught(
    folder: Path,
    past: Histories,
    how: str = "lora",
    material: Companions | TextLists | None = None,
    **settings,
) -> tuple[TextEncoder, Lesson]:
    keras.utils.set_random_seed(0)
    encoder = TextEncoder.from_name(folder, sequence_length=8)
    return encoder, teach(encoder, material or find_companions(past, TEXTS), how, config(**settings), seed=0)


def lists_of(past: Histories) -> TextLists:
    """With rivals of any theme: here nobody's company says what is to be learned."""
    near = np.random.default_rng(2).integers(1, len(TEXTS) + 1, (len(TEXTS) + 1, 8))
    return find_text_lists(past, TEXTS, near, most=1000, rng=np.random.default_rng(1))


def final_exam(encoder: TextEncoder, past: Histories) -> float:
    """What a lesson of `past` is measured by."""
    companions, rng = find_companions(past, TEXTS), np.random.default_rng(0)
    exam = HeldOutPairs(companions, companions.hold_out(rng), rng)
    exam.set_model(PairModel(encoder))
    return exam.measure().mean()


def test_items_that_nobody_took_are_found_by_what_behaviour_taught(folder, caplog):
    """By chance 11 of 95 other texts share the theme."""
    new = np.arange(len(TEXTS)) % 7 == 0
    past = themed_histories().without(new)
    untuned = TextEncoder.from_name(folder, sequence_length=8)
    with caplog.at_level(logging.INFO):
        encoder, lesson = taught(folder, past)
    assert found_by_theme(untuned.encode(TEXTS), new) <= 0.3
    assert found_by_theme(encoder.encode(TEXTS), new) >= 0.9
    assert lesson.before == pytest.approx(final_exam(untuned, past))
    assert lesson.after == pytest.approx(final_exam(encoder, past))
    assert lesson.is_better
    assert f"lora trains {lesson.trained:,} of {lesson.weights:,} parameters" in caplog.text
    assert f"val_mrr {lesson.after:.4f}" in caplog.text


def test_lists_teach_it_too(folder):
    """What came next shares the theme of the history; what might have come need not."""
    new = np.arange(len(TEXTS)) % 7 == 0
    past = themed_histories().without(new)
    untuned = TextEncoder.from_name(folder, sequence_length=8)
    encoder, lesson = taught(folder, past, material=lists_of(past), epochs=12)
    assert found_by_theme(untuned.encode(TEXTS), new) <= 0.3
    assert found_by_theme(encoder.encode(TEXTS), new) >= 0.9
    assert lesson.is_better


def test_a_gain_within_twice_its_error_may_be_chance():
    assert not Lesson(1, 2, before=0.5, after=0.519, error=0.01).is_better
    assert Lesson(1, 2, before=0.5, after=0.521, error=0.01).is_better
    assert not Lesson(1, 2, before=0.5, after=0.5).is_better


def test_the_best_epoch_is_kept(folder):
    """Steps far too large: what follows the first epochs spoils it."""
    encoder, lesson = taught(folder, themed_histories(), "full", learning_rate=0.3, epochs=4)
    assert lesson.after == pytest.approx(final_exam(encoder, themed_histories()))


def test_the_same_seed_teaches_the_same(folder):
    first, second = (taught(folder, themed_histories(), epochs=1)[0].fingerprint for _ in range(2))
    assert first == second


@pytest.mark.parametrize("users", [0, 1])
def test_too_little_to_learn_from(folder, caplog, users):
    past = themed_histories(1).head(np.array([2 * users]))
    _, lesson = taught(folder, past)
    assert not lesson.is_better
    assert lesson.epochs == 0
    assert "too few items follow each other" in caplog.text
    _, lesson = taught(folder, past, material=lists_of(past))
    assert not lesson.is_better
    assert lesson.epochs == 0


def test_token_table_is_what_the_encoder_reads(folder):
    encoder = TextEncoder.from_name(folder, sequence_length=8)
    texts = ["red sea", "", "blue ada black hill star bread iron wool cloth"]
    table = token_table(encoder, texts)
    assert table.shape == (3, 8)
    mask = (table != encoder.tokenizer.pad_token_id).astype(np.int32)
    np.testing.assert_allclose(
        encoder.embed(tf.constant(table), tf.constant(mask)), encoder.encode(texts), atol=1e-5
    )
