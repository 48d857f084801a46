"""Fairness: every prefix, whole shares over many requests, and groups that there must be."""

import numpy as np
import pytest
import tensorflow as tf

from tfrec.data.item_content import ContentSpec, ItemContent
from tfrec.reranking.draft import Draft, Wishes
from tfrec.reranking.fairness import Debias, Fairness, members

SPEC = ContentSpec(0, {}, {}, ("maker",), ("maker=ada", "maker=bob"))
CATEGORY = np.array([[0, 0], [1, 0], [2, 0], [1, 2], [0, 0], [0, 0]])
CONTENT = ItemContent(SPEC, np.zeros((6, 0), np.float32), CATEGORY)
POPULARITY = np.array([9.0, 1.0, 5.0, 2.0, 0.0, 3.0])


def in_group(
    member: np.ndarray, share: float, *, strength: float = 1.0, requests: int = 1, k: int = 10
) -> np.ndarray:
    """Who of the slate belongs to the group, bool `[requests, k]`; candidates in the order of `member`."""
    rows = tf.tile(tf.range(1, len(member) + 1)[None], [requests, 1])
    draft = Draft.of(rows, -tf.cast(rows, tf.float32))
    wishes = Wishes.of(
        rows, tf.constant(k), fairness=tf.fill([requests], strength), seed=tf.range(requests, dtype=tf.int64)
    )
    table = np.append(False, member)[:, None]
    made = Fairness(table, np.array([share]))(draft, wishes)
    np.testing.assert_array_equal(np.sort(made.rows, axis=1), rows)
    return table[made.rows.numpy()[:, :k], 0]


LATE = np.arange(40) >= 30  # the group comes last of all


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 1.0])
def test_every_prefix_has_its_share(share: float):
    inside = in_group(LATE, share, requests=50)
    counts, length = inside.cumsum(1), np.arange(1, 11)
    assert (counts >= np.floor(share * length + 1e-6)).all()
    assert (
        counts <= np.ceil(share * length - 1e-6)
    ).all()  # and no more: what is fair costs as little as it can


@pytest.mark.parametrize("share", [0.23, 0.07])
def test_over_many_requests_the_share_is_met_whatever_it_is(share: float):
    """A share of ten places is no whole number; the mean over requests is, within a point."""
    assert in_group(LATE, share, requests=2000).mean() == pytest.approx(share, abs=0.01)


def test_the_strength_scales_the_share():
    assert in_group(LATE, 0.4, strength=0.5, requests=2000).mean() == pytest.approx(0.2, abs=0.01)


def test_a_group_that_has_its_share_changes_nothing():
    early = ~LATE
    np.testing.assert_array_equal(in_group(early, 0.9), np.ones((1, 10), bool))


def test_a_group_without_candidates_takes_no_place():
    assert not in_group(np.zeros(12, bool), 0.5).any()


def test_popularity_makes_a_head_of_a_fifth():
    member = members("popularity", {"tail": 0.5, "head": 0.1}, CONTENT, POPULARITY)
    assert member.tolist() == [[False, False], [True, False], [False, True], *[[True, False]] * 3]


def test_groups_of_a_column():
    member = members("maker", {"bob": 0.5, "ada": 0.1}, CONTENT, POPULARITY)
    assert member[:, 0].tolist() == [False, False, True, True, False, False]
    assert member[:, 1].tolist() == [False, True, False, True, False, False]


@pytest.mark.parametrize(
    ("column", "group"), [("maker", "cleo"), ("nothing", "ada"), ("popularity", "middle")]
)
def test_a_group_that_there_is_not(column: str, group: str):
    with pytest.raises(ValueError, match=f"'{column}'. Received: '{group}'"):
        members(column, {group: 0.1}, CONTENT, POPULARITY)


def test_popularity_costs_its_place_between_the_least_and_the_most_popular():
    draft = Draft.of(tf.constant([[1, 2, 3]]), tf.constant([[2.0, 3.0, 1.0]]))
    made = Debias(tf.constant(POPULARITY, tf.float32), 0.8)(draft, Wishes.of(draft.rows, tf.constant(3)))
    # relevance 1/2, 1, 0 less 0.8 times the popularity 0, 1, 1/4
    assert made.rows.numpy().tolist() == [[1, 2, 3]]
    np.testing.assert_allclose(made.score, [[0.5, 0.2, -0.2]], atol=1e-6)
