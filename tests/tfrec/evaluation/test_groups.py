"""Groups by hand: who belongs, what is shown, what is found, and the gap between them."""

import numpy as np
import pytest

from tfrec.data.item_content import ContentSpec, ItemContent
from tfrec.evaluation import groups as module
from tfrec.evaluation.groups import column_groups, item_groups, measure_groups, share_shown, user_groups
from tfrec.evaluation.protocol import Ranking

SPEC = ContentSpec(0, {}, {}, ("maker",), ("maker=ada", "maker=bob"))
CATEGORY = np.array([[0, 0], [1, 0], [2, 0], [1, 2], [0, 0], [1, 0]])
CONTENT = ItemContent(SPEC, np.zeros((6, 0), np.float32), CATEGORY)


def test_a_fifth_of_the_items_is_the_head():
    bands = item_groups(CONTENT, np.array([1, 0, 7, 7, 2]))["popularity"]
    assert bands["head"].tolist() == [False, False, True, False, False]
    np.testing.assert_array_equal(bands["tail"], ~bands["head"])


def test_an_item_belongs_to_each_of_its_values():
    makers = column_groups(CONTENT)["maker"]
    assert list(makers) == ["ada", "bob"], "the larger first"
    assert makers["ada"].tolist() == [True, False, True, False, True]
    assert makers["bob"].tolist() == [False, True, True, False, False]


def test_only_the_largest_groups_are_told(monkeypatch):
    monkeypatch.setattr(module, "MOST", 1)
    assert list(column_groups(CONTENT)["maker"]) == ["ada"]


def test_users_by_thirds_of_activity_and_by_profile(make_histories):
    known = make_histories([[0], [0, 1, 2], [], [1, 2], [0, 1, 2, 3], [3]])
    made = user_groups(None, known)
    assert list(made) == ["activity"]
    assert made["activity"]["light"].tolist() == [True, False, True, False, False, False]
    assert made["activity"]["heavy"].tolist() == [False, True, False, False, True, False]
    assert user_groups(CONTENT, make_histories([[0]] * 5))["maker"].keys() == {"ada", "bob"}


@pytest.fixture
def measured(make_targets, monkeypatch):
    """Four targets of three items: before, the places 0, 1, 2 and 20; after, all first."""
    monkeypatch.setattr(module, "FEW", 2)
    top = np.array([[0, 1], [0, 2], [0, -1], [1, 2]], np.int32)
    before, after = (
        Ranking(np.array([0, 1, 2, 20]), top),
        Ranking(np.zeros(4, np.int64), top[:, ::-1].copy()),
    )
    items = {"kind": {"even": np.array([True, False, True]), "odd": np.array([False, True, False])}}
    users = {"activity": {"light": np.array([True, True, False, False]), "heavy": np.array([False] * 4)}}
    targets = make_targets({0: 0, 1: 1, 2: 2, 3: 1})
    return measure_groups({"ranking": before, "reranking": after}, targets, items, users)


def test_figures_of_a_group_are_means_over_its_targets(measured):
    even = measured["items"]["kind"]["groups"]["even"]
    assert (even["share"], even["targets"]) == (pytest.approx(2 / 3), 2)
    assert even["ndcg@10"] == {"ranking": pytest.approx((1 + 1 / np.log2(4)) / 2), "reranking": 1}
    assert even["exposure"] == {"ranking": pytest.approx(5 / 7), "reranking": pytest.approx(5 / 7)}
    light = measured["users"]["activity"]["groups"]["light"]
    assert light["ndcg@10"]["ranking"] == pytest.approx((1 + 1 / np.log2(3)) / 2)
    assert "exposure" not in light


def test_the_gap_is_between_the_best_and_the_worst_served(measured):
    even, odd = (1 + 1 / np.log2(4)) / 2, (1 / np.log2(3) + 0) / 2
    assert measured["items"]["kind"]["gap"] == {"ranking": pytest.approx(even - odd), "reranking": 0}


def test_a_group_without_targets_has_no_quality_and_makes_no_gap(measured):
    activity = measured["users"]["activity"]
    assert activity["groups"]["heavy"]["ndcg@10"] == {"ranking": None, "reranking": None}
    assert activity["gap"] is None


def test_lists_without_any_item_show_nothing():
    assert share_shown(np.full((2, 3), -1), np.array([True])) is None
