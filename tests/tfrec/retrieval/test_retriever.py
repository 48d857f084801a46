"""A trained recall stage as it is asked, against numpy."""

import numpy as np
import pytest
import tensorflow as tf

from tests.layer_checks import randomize
from tfrec.data.user_side import Context
from tfrec.retrieval.candidate_tower import CandidateTower
from tfrec.retrieval.content_embedding import ContentEmbedding
from tfrec.retrieval.content_tower import ContentTower
from tfrec.retrieval.index import LOWEST
from tfrec.retrieval.query_tower import QueryTower
from tfrec.retrieval.retriever import Retriever, evidence
from tfrec.retrieval.two_tower import TwoTower

ITEMS = 12
HISTORY, USER = np.array([[3, 1, 0], [7, 0, 0]], np.int32), np.array([0, 0], np.int32)


@pytest.fixture(scope="module")
def retriever() -> Retriever:
    tower = CandidateTower(ITEMS, 8)
    model = TwoTower(tower, QueryTower(3, blocks=1), temperature=0.5)
    model.set_counts(np.arange(ITEMS))
    tower.id_embedding.assign(tf.random.stateless_normal([ITEMS, 8], [0, 1]))
    return Retriever(model)


def test_scores_are_inner_products_divided_by_the_temperature(retriever):
    queries, items = retriever.model.query_vectors(HISTORY, USER), retriever.model.item_vectors()
    expected = queries.numpy() @ items.numpy().T / 0.5
    np.testing.assert_allclose(retriever.scores(HISTORY, USER), expected, rtol=1e-5, atol=1e-5)


def test_the_best_that_are_not_blocked(retriever):
    scores = retriever.scores(HISTORY, USER)
    blocked = retriever.mask(tf.constant([[3, 1], [5, 0]]))
    found = retriever.best(scores, blocked, ITEMS)
    for line, missing in enumerate(([3, 1], [5])):
        order = [row for row in np.argsort(-scores[line].numpy()) if row and row not in missing]
        rows = found.rows[line].numpy()
        assert rows[: len(order)].tolist() == order
        np.testing.assert_allclose(found.score[line][: len(order)], scores[line].numpy()[order])
        assert not rows[len(order) :].any()
        assert (found.score[line].numpy()[len(order) :] == LOWEST).all()


def test_evidence_by_hand():
    scores = np.random.default_rng(0).normal(3, 2, (2, ITEMS)).astype(np.float32)
    rows = np.array([[4, 2, 11], [1, 0, 1]], np.int32)
    found = evidence(tf.constant(scores), tf.constant(rows)).numpy()
    for line in range(2):
        chosen, all_of = scores[line, rows[line]], scores[line, 1:].astype(np.float64)  # 0 is padding
        np.testing.assert_allclose(found[line, :, 0], chosen - np.log(np.exp(all_of).sum()), rtol=1e-4)
        np.testing.assert_allclose(found[line, :, 1], (chosen - all_of.mean()) / all_of.std(), rtol=1e-4)


def test_evidence_where_all_scores_are_equal():
    found = evidence(tf.fill([1, ITEMS], 7.0), tf.constant([[1, 2]])).numpy()
    np.testing.assert_allclose(found[0, :, 0], -np.log(ITEMS - 1), rtol=1e-5)
    np.testing.assert_allclose(found[0, :, 1], 0, atol=1e-3)


def test_a_model_in_mixed_precision_is_searched_in_float32(retriever):
    tower, query = (
        CandidateTower(ITEMS, 8, dtype="mixed_float16"),
        QueryTower(3, blocks=1, dtype="mixed_float16"),
    )
    half = TwoTower(tower, query, temperature=0.5, dtype="mixed_float16")
    half.set_weights(retriever.model.get_weights())
    scores = Retriever(half).scores(HISTORY, USER)
    assert scores.dtype == tf.float32
    np.testing.assert_allclose(scores, retriever.scores(HISTORY, USER), atol=0.05)


def test_experts_that_say_nothing_are_not_searched(retriever):
    """The blend has room for a constant of items without interactions; here there is none."""
    assert (
        retriever.model.blend.candidates(retriever.vectors, retriever.model.candidate.warm.value).shape[1]
        == 9
    )
    assert retriever.index.dim == 8
    assert retriever.query(HISTORY, USER).vector.shape == (2, 8)


def test_what_profile_and_moment_say_alone(retriever):
    """Inner products of their parts of the query with the items; nothing where the model knows of neither."""
    rows, user = tf.constant([[1, 4], [2, 11]]), tf.constant([1, 0])
    assert not retriever.side_evidence(user, None, rows).numpy().any()
    sides = {"user": ContentTower(3, 8), "context": ContentEmbedding(8, content_dim=2, categories=0)}
    for side in sides.values():
        side.build(None)
        randomize(side)
    model = TwoTower(retriever.model.candidate, QueryTower(3, blocks=1, **sides))
    moment = Context(tf.constant([[1.0, 2.0], [0.0, -1.0]]), tf.zeros([2, 0], tf.int32))
    found = Retriever(model).side_evidence(user, moment, rows)
    own = sides["user"](user[:, None])[:, 0], sides["context"](*moment)
    for line in range(2):
        vectors = retriever.vectors.numpy()[rows[line]]
        expected = np.stack([vectors @ part[line].numpy() for part in own], -1)
        np.testing.assert_allclose(found[line], expected, rtol=1e-5, atol=1e-6)
