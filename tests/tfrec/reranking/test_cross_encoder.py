"""The cross-encoder: what it starts from, what it learns of a ring of items, what it is worth, and as a step."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from serving.model_server.saved_model import SavedModel
from tests.served_call import call
from tests.tiny_bert import tiny_bert
from tests.tiny_world import item, tiny_dataset
from tfrec.config import ReadingConfig
from tfrec.data.histories import Histories, histories
from tfrec.export import save_functions
from tfrec.reading import affordable_pairs, free_text_tokens, make_reader
from tfrec.reranking.cross_encoder import CrossEncoder
from tfrec.reranking.cross_fit import (
    MOST_IMAGINED,
    fit_cross_encoder,
    fit_gain,
    imagined,
    next_items,
    read_slates,
)
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
    for milliseconds, pairs in ((0.0, 0), (1e6, 10)):
        settings = SMALL.model_copy(update={"milliseconds": milliseconds, "pairs": 10})
        assert affordable_pairs(reader, settings) == pairs


def moody_histories(users: int) -> Histories:
    """Users of two kinds who take, in any order, what their kind likes: rows 1 to 4, or 5 to 8; nothing else tells."""
    rng, events = np.random.default_rng(0), 4
    item = np.concatenate([rng.permutation(4) + 4 * (user % 2) for user in range(users)]).astype(np.int32)
    start = np.arange(users + 1) * events
    return Histories(item, start, np.arange(len(item), dtype=np.float64), np.arange(len(item)))


def test_it_learns_what_a_profile_says(folder):
    texts = ["ab", "cd", "ef", "gh", "ij", "kl", "mn", "op"]  # none of them shares a word with another
    encoder = TextEncoder.from_name(folder)
    encoder.backbone.enable_lora(SMALL.rank)
    profiles = [("rocket", "bread")[user % 2] for user in range(40)]
    reader = make_reader(encoder, texts, SMALL, profiles=profiles)
    fit_cross_encoder(reader, moody_histories(40), replace_epochs(30), seed=0)
    every = np.arange(1, 9)[None]
    asked = {
        "history": np.zeros((2, 1), np.int32),
        "user": np.array([1, 2]),
        "candidates": np.repeat(every, 2, 0),
    }
    likes = np.asarray(reader(asked)) @ np.repeat([1.0, -1.0], 4)
    assert likes[0] > 0 > likes[1]
    nobody = np.asarray(reader({**asked, "user": np.array([0, 0])}))
    np.testing.assert_array_equal(nobody[0], nobody[1])


def test_a_free_text_moves_what_it_names_to_the_front_even_for_a_stranger(folder):
    reader = reader_of(folder, ["rocket", "bread", "butter"])
    rows = tf.constant([[2, 3, 1]] * 3)
    ranking = tf.constant([[3.0, 2.0, 1.0]] * 3)
    wishes = Wishes.of(
        tf.zeros([3, 1], tf.int32),
        tf.constant(3),
        query_text=tf.constant(["rocket", "butter", ""]),
        relevance=Relevance(ranking, ranking),
    )
    read = LanguageReading(reader, 100.0, 3, free_text_tokens(reader.tokenizer, 4))
    after = read(Draft.of(rows, ranking), wishes)
    assert after.rows.numpy()[:, 0].tolist() == [1, 3, 2]
    unread = LanguageReading(reader, 100.0, 3)(Draft.of(rows, ranking), wishes)
    np.testing.assert_array_equal(unread.rows, rows)


def test_profile_and_free_text_decide_as_served(folder, tmp_path):
    encoder = TextEncoder.from_name(folder)
    reader = make_reader(encoder, ["rocket", "bread", "butter"], SMALL, profiles=["rocket", "", "butter"])
    step = LanguageReading(reader, 1000.0, 3, free_text_tokens(reader.tokenizer, 4))

    @tf.function(autograph=False)
    def read(user: tf.Tensor, query_text: tf.Tensor) -> dict[str, tf.Tensor]:
        rows, ranking = (tf.tile([line], [tf.size(user), 1]) for line in ([2, 3, 1], [3.0, 2.0, 1.0]))
        asked = {"user": user, "query_text": query_text, "relevance": Relevance(ranking, ranking)}
        return {
            "rows": step(
                Draft.of(rows, ranking), Wishes.of(tf.zeros_like(rows), tf.constant(3), **asked)
            ).rows
        }

    specs = {"user": tf.TensorSpec([None], tf.int32), "query_text": tf.TensorSpec([None], tf.string)}
    save_functions({"serving_default": read.get_concrete_function(**specs)}, [reader], tmp_path / "model")
    asked = {
        "user": np.array([0, 1, 2, 3, 0], np.int32),
        "query_text": np.array(["", "", "", "", "rocket"], object),
    }
    served = call(SavedModel(str(tmp_path / "model")), "serving_default", asked)["rows"]
    assert served[:, 0].tolist() == [2, 1, 2, 3, 1]  # who says nothing keeps the order
    np.testing.assert_array_equal(
        served, read(**{name: tf.constant(value) for name, value in asked.items()})["rows"]
    )


def test_imagined_texts_are_a_few_words_in_a_row_of_what_came_next():
    wanted = np.tile(np.arange(1, 9), (5000, 1)) * (np.arange(8) < np.arange(5000)[:, None] % 9)
    texts = imagined(wanted, 6, 0.5, seed=0)
    sizes = (texts > 0).sum(1)
    assert sizes.max() == MOST_IMAGINED
    assert (texts > 0)[:, 0].mean() == pytest.approx(0.5 * 8 / 9, abs=0.03)  # a ninth has no words
    for line, text in zip(wanted, texts, strict=True):
        told = text[text > 0]
        assert told.tolist() == [*range(told[0], told[0] + len(told))] if len(told) else True
        assert {*told} <= {*line}
    assert {*texts[:, 0]} == {*range(9)}, "they begin anywhere"
