"""A peer's vectors are ranked by the protocol like any model."""

import numpy as np

from benchmarks.peers.vectors import Vectors
from tfrec.data.histories import Histories
from tfrec.data.splits import Targets
from tfrec.evaluation.protocol import rank_targets

USERS = np.array([[1, 0], [0, 1]], np.float32)
ITEMS = np.array([[3, 1], [1, 2]], np.float32)  # of positions 2 and 0; position 1 was never seen
VECTORS = Vectors(USERS, ITEMS, np.array([2, 0]), np.array(3))  # as it comes out of a file


def test_scores_are_inner_products_and_an_item_never_seen_has_none() -> None:
    expected = [[2, -np.inf, 1], [1, -np.inf, 3]]
    np.testing.assert_array_equal(VECTORS.score(np.array([1, 0], np.int32)), expected)


def test_an_item_never_seen_comes_last() -> None:
    nothing = Histories(np.zeros(0, np.int32), np.zeros(3, np.int64), np.zeros(0))
    ranking = rank_targets(VECTORS.score, Targets(np.array([0, 1]), np.array([1, 0])), nothing)
    assert ranking.rank.tolist() == [2, 0]
    assert ranking.top[0, :3].tolist() == [2, 0, -1]
