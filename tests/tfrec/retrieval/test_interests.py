"""Many interests: what the layer is made of, how targets are routed, how lists are merged, and what it is all for."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.layer_checks import check_layer, randomize
from tests.tfrec.retrieval.event_vectors import DIM, LENGTH, events
from tfrec.config import RetrievalConfig
from tfrec.data.histories import Histories
from tfrec.data.item_content import ContentSpec, ItemContent
from tfrec.retrieval.fit import fit_retrieval
from tfrec.retrieval.interests import Interests, best_interest, route, within_quota
from tfrec.retrieval.query_tower import QueryTower
from tfrec.retrieval.retriever import Retriever

MANY = 3


def test_the_layer(tmp_path):
    check_layer(lambda **kw: Interests(MANY, LENGTH, **kw), events(), (3, 5, MANY, DIM), tmp_path)


def test_the_tower_with_many_interests(tmp_path):
    make = lambda **kw: QueryTower(LENGTH, blocks=1, interests=MANY, start=True, **kw)  # noqa: E731
    check_layer(make, events(), (3, 6, MANY, DIM), tmp_path)


def test_an_interest_is_a_weighted_mean_of_what_was_so_far():
    """weights = softmax_s(W2 tanh(W1 x_s) + distance[t - s]) over s ≤ t; then a layer norm."""
    layer, (x, present) = Interests(MANY, LENGTH), events()
    layer(x, present)
    randomize(layer)
    found = layer(x, present).numpy()
    liked = np.tanh(x @ layer.hidden.kernel.numpy() + layer.hidden.bias.numpy()) @ layer.weigh.kernel.numpy()
    for t in range(5):
        for k in range(MANY):
            logits = liked[0, : t + 1, k] + layer.distance.numpy()[k, t::-1]
            weights = np.exp(logits) / np.exp(logits).sum()
            expected = layer.normalise((weights @ x[0, : t + 1])[None])[0]
            np.testing.assert_allclose(found[0, t, k], expected, atol=1e-5)


def test_no_interest_sees_a_later_event():
    layer, (x, present) = Interests(MANY, LENGTH), events()
    layer(x, present)
    randomize(layer)
    changed = x.copy()
    changed[:, 3:] += 1
    np.testing.assert_allclose(layer(changed, present)[:, :3], layer(x, present)[:, :3], atol=1e-5)


def test_a_target_trains_the_interest_that_likes_it_best_and_no_other():
    queries = tf.random.stateless_normal([6, MANY, DIM], [0, 1])
    positives = tf.random.stateless_normal([6, DIM], [0, 2])
    liked = np.einsum("nkd,nd->nk", queries, positives)
    with tf.GradientTape() as tape:
        tape.watch(queries)
        routed = route(queries, positives)
        total = tf.reduce_sum(routed)
    np.testing.assert_allclose(np.einsum("nd,nd->n", routed, positives), liked.max(1), rtol=1e-5)
    touched = np.abs(tf.convert_to_tensor(tape.gradient(total, queries))).sum(-1) > 0
    np.testing.assert_array_equal(touched, liked == liked.max(1, keepdims=True))


def test_the_score_of_a_catalogue_is_that_of_the_best_interest():
    queries, items = (
        tf.random.stateless_normal([4, MANY, DIM], [0, 1]),
        tf.random.stateless_normal([9, DIM], [0, 2]),
    )
    expected = np.max([queries[:, k] @ tf.transpose(items) for k in range(MANY)], 0)
    np.testing.assert_allclose(best_interest(queries, items), expected, rtol=1e-5)
    np.testing.assert_allclose(
        best_interest(queries[:, 0], items), queries[:, 0] @ tf.transpose(items), rtol=1e-5
    )


@pytest.mark.parametrize("k", [0, 2, 4, 7, 100])
def test_every_interest_brings_in_its_share_of_what_is_allowed(k):
    rng = np.random.default_rng(k)
    scores, blocked = rng.normal(size=(5, 2, 20)).astype(np.float32), rng.random((5, 20)) < 0.4
    blocked[0] = True
    expected = np.zeros((5, 20), bool)
    for line in range(5):
        for interest in scores[line]:
            order = [row for row in np.argsort(-interest) if not blocked[line, row]]
            expected[line, order[: k // 2]] = True
    np.testing.assert_array_equal(within_quota(tf.constant(scores), tf.constant(blocked), k), expected)


TASTES, EACH = 4, 8


def two_tastes(users: int = 160, steps: int = 20) -> Histories:
    """Everybody has two tastes and takes, at random, four of five items from the first, with repeats."""
    rng = np.random.default_rng(0)
    pairs = np.array([rng.permutation(TASTES)[:2] for _ in range(users)])
    taste = pairs[np.arange(users)[:, None], (rng.random((users, steps)) < 0.2).astype(int)]
    item = taste * EACH + rng.integers(0, EACH, (users, steps))
    start = np.arange(0, users * steps + 1, steps)
    return Histories(item.ravel().astype(np.int32), start, np.zeros(item.size))


def of_the_second_taste(interests: int, k: int) -> tuple[float, float]:
    """The shares of the first k candidates that are of a user's second taste and of their first."""
    keras.utils.set_random_seed(0)
    config = RetrievalConfig(
        dim=16, length=20, blocks=1, dropout=0.0, interests=interests, learning_rate=0.01, epochs=12,
        batch_events=640, neighbours=0, content_dim=0,
    )  # fmt: skip
    h, items = two_tastes(), TASTES * EACH
    content = ItemContent(
        ContentSpec(0, {}, {}, (), ()),
        np.zeros((items + 1, 0), np.float32),
        np.zeros((items + 1, 1), np.int32),
    )
    model, _ = fit_retrieval(h, content, config, seed=0)
    retriever = Retriever(model)
    rows = h.tail_rows(20)
    scores = retriever.by_interest(tf.constant(rows), tf.zeros([len(rows)], tf.int32))
    blocked = tf.repeat((tf.range(items + 1) == 0)[None], len(rows), 0)
    found = (retriever.best(scores, blocked, k).rows.numpy() - 1) // EACH
    often = np.array([np.bincount((row - 1) // EACH, minlength=TASTES).argsort()[::-1] for row in rows])
    return float((found == often[:, 1:2]).mean()), float((found == often[:, :1]).mean())


def test_two_tastes_both_reach_the_list_that_one_crowds_out_alone():
    alone, together = (of_the_second_taste(interests, k=8) for interests in (1, 2))
    assert alone[0] < 0.15
    assert together[0] > 0.3
    assert sum(together) > 0.85  # and nothing else comes in with them
