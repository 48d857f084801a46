"""What strengths buy and cost, over candidates whose best slates are known."""

import numpy as np
import pytest
import tensorflow as tf

from tfrec.evaluation.trade_offs import (
    SHARES,
    STRENGTHS,
    Candidates,
    advised,
    diversity_curve,
    fairness_curve,
    quality,
    shaper,
    tail_fairness,
    to_ask,
)
from tfrec.reranking.diversity import Diversity
from tfrec.reranking.reranker import Reranker

ITEMS, USERS, LIST = 60, 300, 50
RNG = np.random.default_rng(0)
VECTORS = RNG.normal(size=(ITEMS, 3))
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)
TAIL = np.arange(ITEMS) >= 30
TABLE = tf.constant(np.concatenate([np.zeros((1, 3)), VECTORS]), tf.float32)


@pytest.fixture(scope="module")
def candidates() -> Candidates:
    """The tail is always behind the head; the target is the first candidate."""
    head = np.argsort(-VECTORS[:30] @ RNG.normal(size=(3, USERS)), axis=0).T  # each looks one way
    rows = np.concatenate([head, 30 + head[:, : LIST - 30]], 1).astype(np.int32) + 1
    ranking = np.broadcast_to(-np.arange(LIST, dtype=np.float32), rows.shape)
    user = np.arange(USERS, dtype=np.int32)
    return Candidates(rows, ranking, ranking, np.zeros((USERS, 1), np.int32), user, rows[:, 0])


def test_at_strength_0_the_slate_is_that_of_ranking(candidates):
    shape = shaper(Reranker({"diversity": Diversity(TABLE)}), candidates, batch=128)
    np.testing.assert_array_equal(shape("diversity", 0.0), candidates.rows[:, :20] - 1)


def test_diversity_buys_distance(candidates):
    shape = shaper(Reranker({"diversity": Diversity(TABLE)}), candidates, batch=128)
    curve = diversity_curve(shape, candidates.wanted - 1, VECTORS, default=0.22)
    strengths, distances = ([point[name] for point in curve["points"]] for name in ("strength", "ild@20"))
    assert strengths == sorted({*STRENGTHS, 0.22})
    assert distances[-1] > distances[5] > distances[0]
    # the most relevant candidate stays first until λ = 1: quality costs nothing here
    assert [point["ndcg@10"] for point in curve["points"]][:-1] == [1.0] * (len(strengths) - 1)
    enough = [s for s, d in zip(strengths, distances, strict=True) if d >= 1.15 * distances[0]]
    assert curve["advised"] == enough[0]


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([(0.0, 1.0, 0.5), (0.1, 1.14, 0.5), (0.2, 1.15, 0.49), (0.3, 1.3, 0.49)], 0.2),
        ([(0.0, 1.0, 0.5), (0.1, 1.3, 0.48)], None),
        ([(0.0, 1.0, 0.5)], None),
    ],
    ids=["the smallest that will do", "too dear", "nothing to choose from"],
)
def test_a_strength_is_advised_for_what_it_buys_at_what_price(points, expected):
    names = ("strength", "ild@20", "ndcg@10")
    assert advised([dict(zip(names, point, strict=True)) for point in points]) == expected


def test_the_long_tail_reaches_the_share_that_is_asked_within_a_point(candidates):
    fair = tail_fairness(Reranker({}), TAIL)
    curve = fairness_curve(shaper(fair, candidates, batch=128), candidates.wanted - 1, TAIL)
    assert [point["asked"] for point in curve["points"]] == list(SHARES)
    for point in curve["points"]:
        assert point["reached"] == pytest.approx(point["asked"], abs=0.01)


def test_what_to_ask_for_lies_between_what_was_tried():
    tried = [(0.0, 0.15), (0.1, 0.18), (0.2, 0.24), (0.3, 0.32)]
    points = [{"asked": asked, "reached": reached} for asked, reached in tried]
    # .2 is reached a third of the way from .1 to .2, .3 three quarters of that from .2 to .3; .1 without asking
    assert to_ask(points) == [
        {"for": 0.2, "ask": pytest.approx(0.1 + 0.1 / 3)},
        {"for": 0.3, "ask": pytest.approx(0.2 + 0.1 * 3 / 4)},
    ]
    assert to_ask([{"asked": 0.0, "reached": None}]) == []


def test_quality_is_the_mean_over_all_targets():
    top = np.array([[5, 3, -1], [1, 2, 0], [4, 6, 7]])
    assert quality(top, np.array([5, 0, 9])) == pytest.approx((1 + 1 / np.log2(4) + 0) / 3)
