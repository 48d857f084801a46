"""The cross-encoder: what it starts from, what it learns of a ring of items, what it is worth, and as a step."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.tiny_bert import tiny_bert
from tests.tiny_world import item, tiny_dataset
from tfrec.config import ReadingConfig
from tfrec.data.histories import histories
from tfrec.reading import affordable_pairs, make_reader
from tfrec.reranking.cross_encoder import CrossEncoder
from tfrec.reranking.cross_fit import fit_cross_encoder, fit_gain, next_items, read_slates
from tfrec.reranking.draft import Draft, Relevance, Wishes
from tfrec.reranking.language_step import LanguageReading
from tfrec.reranking.slates import Slates
from tfrec.text.encoder import TextEncoder

SMALL = ReadingConfig(
    events=2, event_tokens=4, tokens=4, negatives=5, batch=16, lists=300, epochs=6, learning_rate=0.01, rank=4
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny_bert(tmp_path / "bert", ["rocket", "planet", "bread", "butter"])


def reader_of(folder: Path, texts: list[str]) -> CrossEncoder:
    encoder = TextEncoder.from_name(folder)
    encoder.backbone.enable_lora(SMALL.rank)
    return make_reader(encoder, texts, SMALL)


def test_untrained_it_prefers_what_is_alike(folder):
    reader = reader_of(folder, ["rocket planet", "planet rocket", "bread butter"])
    logits = np.asarray(reader({"history": np.array([[1, 0]]), "candidates": np.array([[3, 2, 0]])}))
    assert logits[0, 1] > logits[0, 0] > logits[0, 2]
    assert logits[0, 2] == np.float32(-1e4)  # no candidate


def test_a_candidate_is_read_alone_as_in_company(folder):
    reader = reader_of(folder, ["rocket", "planet rocket", "bread butter"])
    together = np.asarray(reader({"history": np.array([[1, 2]]), "candidates": np.array([[3, 2, 1]])}))
    alone = np.asarray(reader({"history": np.array([[1, 2, 0]]), "candidates": np.array([[2]])}))
    np.testing.assert_allclose(alone[0, 0], together[0, 1], rtol=1e-5)


def test_lists_hold_what_came_next_first_and_never_again():
    past = histories(tiny_dataset())
    inputs = next_items(past, 22, SMALL, seed=0)
    nexts = {(past.item[i - 1] + 1, past.item[i] + 1) for i in np.flatnonzero(past.place >= 1)}
    newest = [row[row > 0][-1] for row in inputs["history"]]
    assert {*zip(newest, inputs["candidates"][:, 0], strict=True)} <= nexts
    assert not (inputs["candidates"][:, 1:] == inputs["candidates"][:, :1]).any()
    assert (np.bincount(inputs["candidates"][:, 1:].ravel(), minlength=23)[[*range(1, 21)]] > 0).all()


def test_it_learns_which_text_comes_next_and_only_its_open_weights_move(folder):
    world = tiny_dataset()
    reader = reader_of(folder, world.item_texts())
    frozen = [weight.numpy() for weight in reader.non_trainable_weights]
    fit_cross_encoder(reader, histories(world), replace_epochs(30), seed=0)
    row = {id_: place + 1 for place, id_ in enumerate(world.item_ids)}
    rivals = [row[item(taste, place)] for taste in ("space", "küche") for place in range(10)]
    inputs = {
        "history": np.array([[row[item("space", 2)], row[item("space", 3)]]]),
        "candidates": np.array([rivals]),
    }
    order = np.argsort(-np.asarray(reader(inputs))[0])
    assert (order[:10] < 10).mean() >= 0.9, "the taste at least is read from the words"
    for before, weight in zip(frozen, reader.non_trainable_weights, strict=True):
        np.testing.assert_array_equal(before, weight.numpy())


def replace_epochs(epochs: int) -> ReadingConfig:
    return SMALL.model_copy(update={"epochs": epochs})


def slates_of(ranking: np.ndarray, answer: np.ndarray) -> Slates:
    rows = np.tile(np.arange(1, ranking.shape[1] + 1, dtype=np.int32), (len(ranking), 1))
    labels = (np.arange(ranking.shape[1]) == answer[:, None]).astype(np.float32)
    nobody, history = np.zeros(len(ranking), np.int32), np.ones((len(ranking), 2), np.int32)
    return Slates(
        nobody, history, rows, labels, ranking.astype(np.float32), np.zeros_like(ranking, np.float32)
    )


def test_the_gain_is_the_one_that_made_the_answers():
    rng = np.random.default_rng(0)
    ranking, said = rng.normal(size=(2, 4000, 6))
    chance = rng.gumbel(size=ranking.shape)
    slates = slates_of(ranking, (ranking + 0.7 * said + chance).argmax(1))  # softmax(ranking + 0.7 said)
    assert fit_gain(slates, said) == pytest.approx(0.7, abs=0.07)
    assert fit_gain(slates, -said) == pytest.approx(0.0, abs=1e-4)
    unanswered = replace(slates, labels=np.zeros_like(slates.labels))
    assert fit_gain(unanswered, said) == 0.0


def test_the_step_orders_the_first_pairs_and_leaves_the_others_behind(folder):
    texts = ["rocket planet", "bread", "butter bread", "planet", "rocket"]
    reader = reader_of(folder, texts)
    rows, ranking = tf.constant([[2, 3, 4, 5], [2, 3, 4, 5]]), tf.constant([[4.0, 3.0, 2.0, 1.0]] * 2)
    draft = Draft.of(rows, ranking)
    wishes = Wishes.of(tf.constant([[1], [0]]), tf.constant(4), relevance=Relevance(ranking, ranking))
    said = read_slates(reader, slates_of(np.zeros((1, 5)), np.array([0])))[0]
    gain = 100.0
    after = LanguageReading(reader, gain, 3)(draft, wishes)
    expected = sorted([2, 3, 4], key=lambda row: -(ranking.numpy()[0][row - 2] + gain * said[row - 1]))
    assert after.rows.numpy()[0].tolist() == [*expected, 5]
    assert expected[0] == 4  # the only one of the three with a word of the history
    np.testing.assert_array_equal(after.score, draft.score)
    np.testing.assert_array_equal(after.rows[1], rows[1])  # nothing is known of this user


def test_time_decides_how_many_pairs_are_read(folder):
    reader = reader_of(folder, ["rocket", "planet"])
    assert affordable_pairs(reader, 0.0, 10) == 0
    assert affordable_pairs(reader, 1e6, 10) == 10
