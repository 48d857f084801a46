"""Training lists and the ranker's training, on a retriever whose answers are known."""

import numpy as np
import pytest
import tensorflow as tf

from tfrec.config import RankingConfig
from tfrec.data.histories import Histories
from tfrec.data.item_content import ContentSpec, ItemContent
from tfrec.data.moments import Moments, held_out_moments
from tfrec.ranking.fit import MASKED, TrainingLists, build_pair_features, fit_ranker, make_lists
from tfrec.ranking.losses import make_loss
from tfrec.retrieval.candidate_tower import CandidateTower
from tfrec.retrieval.query_tower import QueryTower
from tfrec.retrieval.retriever import Retriever, evidence
from tfrec.retrieval.two_tower import TwoTower

ITEMS, USERS, LENGTH, LIST = 14, 150, 4, 6  # more moments than a batch of `make_lists`


@pytest.fixture(scope="module")
def full() -> Histories:
    rng = np.random.default_rng(0)
    items = [rng.permutation(ITEMS)[: rng.integers(1, 9)] for _ in range(USERS)]
    flat = np.concatenate(items).astype(np.int32)
    return Histories(flat, np.cumsum([0, *map(len, items)]), np.zeros(len(flat)))


@pytest.fixture(scope="module")
def content() -> ItemContent:
    """Of each item a language vector of 3 numbers, another vector of 1, one of two categories."""
    rng = np.random.default_rng(1)
    table = np.concatenate([np.zeros((1, 4)), rng.normal(size=(ITEMS, 4))]).astype(np.float32)
    table = np.insert(table, 3, np.arange(ITEMS + 1) > 0, axis=1)
    category = np.r_[0, 1 + np.arange(ITEMS) % 2][:, None].astype(np.int32)
    return ItemContent(
        ContentSpec(3, {}, {"image": (1, 1.0)}, ("kind",), ("kind=a", "kind=b")), table, category
    )


@pytest.fixture(scope="module")
def retriever(full) -> Retriever:
    tower = CandidateTower(ITEMS + 1, 8)
    model = TwoTower(tower, QueryTower(LENGTH, blocks=1))
    model.set_counts(np.r_[0, full.counts(ITEMS)])
    tower.id_embedding.assign(tf.random.stateless_normal([ITEMS + 1, 8], [0, 1]))
    return Retriever(model)


@pytest.fixture(scope="module")
def features(full, content, retriever):
    return build_pair_features(full, content, retriever.vectors, neighbours_kept=3)


@pytest.fixture(scope="module")
def moments(full) -> Moments:
    return held_out_moments(full, 1000, seed=0)


@pytest.fixture(scope="module")
def lists(retriever, features, full, moments) -> TrainingLists:
    return make_lists(retriever, features, full, moments, candidates=LIST, length=LENGTH)


def test_the_tables_are_those_of_the_catalogue(features, full, content, retriever):
    tables = {name: table.numpy() for name, table in features.tables.items()}
    np.testing.assert_array_equal(tables["language"], content.table[:, :3])
    np.testing.assert_array_equal(tables["category"], content.category)
    np.testing.assert_array_equal(tables["vectors"], retriever.vectors)
    popular = np.argsort(full.counts(ITEMS), kind="stable")
    assert (np.diff(tables["popularity"][1:][popular]) >= 0).all()
    assert (features.items, features.categories, features.neighbours) == (ITEMS + 1, 3, 3)


def test_lists_are_what_retrieval_answers_at_each_moment(lists, retriever, full, moments):
    """A sort of all scores, without what the user has seen; only lists that hold the answer are kept, in order."""
    histories = [full.of(user)[:place] + 1 for user, place in zip(moments.user, moments.place, strict=True)]
    read = np.array([[*h[-LENGTH:], *[0] * (LENGTH - len(h))] for h in histories], np.int32)
    scores = retriever.scores(read, np.zeros(len(read), np.int32)).numpy()
    kept = 0
    for line, (history, answer) in enumerate(zip(histories, moments.row, strict=True)):
        order = [row for row in np.argsort(-scores[line], kind="stable") if row and row not in history][:LIST]
        rows = [*order, *[0] * (LIST - len(order))]
        if answer not in rows:
            continue
        assert lists.inputs["candidates"][kept].tolist() == rows
        assert lists.inputs["history"][kept].tolist() == read[line].tolist()
        assert lists.labels[kept].tolist() == [MASKED if r == 0 else float(r == answer) for r in rows]
        kept += 1
    assert kept == len(lists.labels) > 30
    assert lists.found == kept / len(moments) < 1


def test_their_features_are_those_of_the_layer(lists, features, retriever):
    history, rows = lists.inputs["history"], lists.inputs["candidates"]
    scores = retriever.scores(history, np.zeros(len(rows), np.int32))
    expected = features(history, rows, evidence(scores, tf.constant(rows)))
    np.testing.assert_allclose(lists.inputs["features"], expected, rtol=1e-4, atol=1e-4)


def test_with_repeats_what_was_seen_is_a_candidate(retriever, features, full, moments):
    lists = make_lists(retriever, features, full, moments, candidates=ITEMS, length=LENGTH, mask_seen=False)
    assert lists.found == 1
    assert (np.sort(lists.inputs["candidates"], axis=1) == np.arange(1, ITEMS + 1)).all()
    assert not (lists.labels == MASKED).any()


def test_nothing_to_learn_from_is_no_list(retriever, features, full):
    nothing = np.zeros(0, np.int32)
    lists = make_lists(
        retriever, features, full, Moments(nothing, nothing, nothing), candidates=LIST, length=LENGTH
    )
    assert lists.labels.shape == (0, LIST)
    assert lists.inputs["features"].shape == (0, LIST, 14)
    assert lists.found == 0


def with_answer(lists: TrainingLists, feature: int) -> TrainingLists:
    """The same lists with another answer: the candidate whose feature is largest."""
    values = np.where(lists.labels < 0, -np.inf, lists.inputs["features"][..., feature])
    labels = np.where(lists.labels < 0, MASKED, values == values.max(1, keepdims=True)).astype(np.float32)
    return TrainingLists(lists.inputs, labels, lists.found)


CONFIG = RankingConfig(units=8, dropout=0.0, learning_rate=0.03, batch=16, epochs=12, weight_decay=0.0)


def test_training_finds_what_tells_the_answer(lists, retriever):
    """An answer that retrieval does not know: the candidate nearest to the last event in language."""
    task = with_answer(lists, feature=5)
    vectors, loss = retriever.vectors, make_loss(CONFIG.loss)
    untrained = fit_ranker(
        TrainingLists({k: v[:0] for k, v in lists.inputs.items()}, lists.labels[:0], 0.0),
        vectors,
        CONFIG,
        seed=0,
    )
    trained = fit_ranker(task, vectors, CONFIG, seed=0)
    before, after = (float(loss(task.labels, ranker(task.inputs))) for ranker in (untrained, trained))
    assert after < 0.6 * before
    first = np.argmax(np.where(task.labels < 0, -np.inf, trained(task.inputs)), axis=1)
    assert (task.labels[np.arange(len(first)), first] == 1).mean() > 0.8


@pytest.mark.parametrize("kept", [0, 1])
def test_with_hardly_any_list_the_order_stays_that_of_retrieval(lists, retriever, kept):
    few = TrainingLists({name: v[:kept] for name, v in lists.inputs.items()}, lists.labels[:kept], 0.0)
    ranker = fit_ranker(few, retriever.vectors, CONFIG, seed=0)
    rows = (lists.inputs["candidates"] > 0).all(1)  # full lists, whose order is that of the scores
    scores = ranker({name: values[rows] for name, values in lists.inputs.items()}).numpy()
    assert (np.diff(scores, axis=1) <= 1e-5).all()
