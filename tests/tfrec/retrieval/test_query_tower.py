"""The user side as a whole: history, user and moment, and the query before the first event."""

import numpy as np
import pytest
import tensorflow as tf

from tests.layer_checks import check_layer, randomize
from tests.tfrec.retrieval.event_vectors import DIM, LENGTH, events
from tfrec.data.user_side import Context
from tfrec.retrieval.content_embedding import ContentEmbedding
from tfrec.retrieval.content_tower import ContentTower
from tfrec.retrieval.query_tower import QueryTower

USER = np.array([2, 0, 1], np.int32)
PROFILE = np.array([[0, 0], [1.5, 1], [-1, 1], [0, 0]], np.float32)  # row 3: a user of whom nothing is known


def whole(**options) -> QueryTower:
    """A tower with all that may be known of a query."""
    same = {name: value for name, value in options.items() if name == "dtype"}
    user = ContentTower(len(PROFILE), DIM, content_dim=2, **same)
    user.build()
    user.set_content(content=PROFILE, category=None)
    context = ContentEmbedding(DIM, content_dim=1, categories=4, **same)
    return QueryTower(LENGTH, blocks=1, user=user, context=context, start=True, **options)


def moments(batch: int = 3, queries: int = 6) -> Context:
    rng = np.random.default_rng(3)
    return Context(
        rng.normal(size=(batch, queries, 1)).astype(np.float32),
        rng.integers(0, 4, (batch, queries, 2)).astype(np.int32),
    )


@pytest.fixture
def tower() -> QueryTower:
    made = whole()
    made(*events(), USER, moments())
    randomize(made)
    made.user.set_content(content=PROFILE, category=None)
    return made


@pytest.mark.parametrize("encoder", ["transformer", "lstm", "mean"])
def test_the_tower(encoder, tmp_path):
    check_layer(
        lambda **kw: QueryTower(LENGTH, encoder=encoder, blocks=1, **kw), events(), (3, 5, DIM), tmp_path
    )


def test_the_tower_with_all_that_may_be_known(tmp_path):
    check_layer(whole, (*events(), USER, moments()), (3, 6, DIM), tmp_path)


def test_a_query_is_the_sum_of_history_user_and_moment(tower):
    (x, present), context = events(), moments()
    expected = (
        tower(x, present)
        + tower.user(tf.constant(USER))[:, None]
        + tower.context(context.content, context.category)
    )
    np.testing.assert_allclose(tower(x, present, USER, context), expected, atol=1e-5)


def test_the_start_stands_before_the_first_event_whatever_comes_after(tower):
    first = np.broadcast_to(tower.first.numpy(), (3, DIM))
    for seed in (0, 1):
        np.testing.assert_allclose(tower(*events(seed=seed))[:, 0], first, atol=1e-6)


def test_the_newest_query(tower):
    present = events()[1]
    sizes = present.sum(1)
    np.testing.assert_array_equal(tower.last(present), sizes)  # the start is in front
    np.testing.assert_array_equal(QueryTower(LENGTH).last(present), sizes - 1)
    np.testing.assert_array_equal(QueryTower(LENGTH).last(np.zeros((2, 3), bool)), [0, 0])


def test_another_moment_changes_its_own_query_and_no_other(tower):
    context, before = moments(), tower(*events(), USER, moments()).numpy()
    content = context.content.copy()
    content[:, 3] += 1
    moved = np.abs(tower(*events(), USER, Context(content, context.category)).numpy() - before).max((0, 2))
    np.testing.assert_array_equal(moved > 1e-4, np.arange(6) == 3)


def test_nothing_known_of_a_moment_is_no_moment(tower):
    nothing = Context(np.zeros((3, 6, 1), np.float32), np.zeros((3, 6, 2), np.int32))
    np.testing.assert_allclose(tower(*events(), USER, nothing), tower(*events(), USER), atol=1e-6)


def test_training_hides_user_and_moment_as_often_as_it_says():
    made = whole(dropout=0.0, side_dropout=0.3)
    made(*events(), USER, moments())
    made.user.id_dropout = 0.0
    x, present = events(1, 1)
    many = [tf.repeat(part, 2000, 0) for part in (x, present, np.array([1]))]
    trained = made(*many, training=True)[:, 0].numpy()
    hidden = np.isclose(trained, made(x, present)[0, 0], atol=1e-6).all(1)
    shown = np.isclose(trained, made(x, present, np.array([1]))[0, 0], atol=1e-6).all(1)
    assert (hidden ^ shown).all()
    assert abs(hidden.mean() - 0.3) < 0.05  # 5 standard deviations: 5 sqrt(.3 · .7 / 2000) = .051


def test_what_is_known_without_any_event(tower):
    nothing = Context(np.zeros((4, 1), np.float32), np.zeros((4, 2), np.int32))
    users = tf.constant([0, 1, 2, 3])
    assert tower.knows(users, nothing).numpy().tolist() == [False, True, True, False]
    assert tower.knows(users, None).numpy().tolist() == [False, True, True, False]
    moment = Context(np.zeros((4, 1), np.float32), np.array([[0, 1]] * 4, np.int32))
    assert tower.knows(users, moment).numpy().tolist() == [True] * 4
    assert QueryTower(LENGTH).knows(users, None).numpy().tolist() == [False] * 4
