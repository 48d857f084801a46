"""The fixed small set: every figure below was worked out on paper from the four histories."""

from math import log2

import numpy as np
import pytest

from tfrec.evaluation.metrics import summarise
from tfrec.evaluation.protocol import slices
from tfrec.evaluation.rivals import measure_rivals, rank_rivals

N_ITEMS = 5
HISTORIES = [[0, 1], [0, 1, 2], [0, 2], [1, 3]]
TARGETS = {0: 3, 1: 3, 2: 3, 3: 4}
RANKS = {
    # unseen items, best first: user 0 has 2 (twice), 3 (once), 4 (never), user 1 has 3, 4,
    # user 2 has 1, 3, 4, user 3 has 0, 2, 4
    "popularity": [1, 0, 1, 2],
    # user 0: item 2 at 2/√6 + 1/√6, item 3 at 1/√3, item 4 at 0; user 1: item 3 at 1/√3, item 4 at 0;
    # user 2: item 1 at 2/3 + 1/√6, items 3 and 4 tie at 0; user 3: item 0 at 2/3, item 2 at 1/√6, item 4 at 0
    "item_knn": [1, 0, 2, 2],
    # as item-kNN by the first-order term of the inverse; but items 0 and 2 speak weakly against item 3, so
    # that for user 2 it falls below item 4
    "ease": [1, 0, 2, 2],
}


@pytest.fixture
def world(make_histories, make_targets):
    return make_histories(HISTORIES), make_targets(TARGETS)


@pytest.mark.parametrize(("name", "ranks"), RANKS.items(), ids=RANKS)
def test_ranks_on_the_small_set(name, ranks, world):
    trained, targets = world
    rivals = rank_rivals(trained, targets, trained, N_ITEMS, names=[name])
    np.testing.assert_array_equal(rivals.rankings[name].rank, ranks)


def test_figures_on_the_small_set(world):
    trained, targets = world
    rivals = rank_rivals(trained, targets, trained, N_ITEMS, names=["popularity"])
    figures = measure_rivals(rivals, slices(targets, trained, N_ITEMS), N_ITEMS)["popularity"]
    assert figures["recall@10"] == 1
    assert figures["ndcg@10"] == pytest.approx((1 / log2(3) + 1 + 1 / log2(3) + 1 / log2(4)) / 4)
    assert figures["mrr"] == pytest.approx((1 / 2 + 1 + 1 / 2 + 1 / 3) / 4)
    assert figures["coverage@20"] == 5 / 5
    assert figures["slices"]["cold_items"]["mrr"] == pytest.approx(1 / 3), "item 4, asked by user 3"
    assert figures["slices"]["warm_items"]["mrr"] == pytest.approx((1 / 2 + 1 + 1 / 2) / 3)
    assert figures["slices"]["new_users"] is None


def test_one_that_cannot_run_is_null_and_its_reason_is_kept(world):
    trained, targets = world
    told = []
    rivals = rank_rivals(
        trained, targets, trained, N_ITEMS, names=["popularity", "tfidf"], on_start=told.append
    )
    figures = measure_rivals(rivals, slices(targets, trained, N_ITEMS), N_ITEMS)
    assert figures["tfidf"] is None
    assert figures["popularity"] is not None
    assert rivals.left_out == {"tfidf": "the items have no text"}
    assert told == ["popularity", "tfidf"]


def test_hidden_items_are_unknown_to_baselines_but_stay_masked(world, make_targets):
    """Item 0 is hidden: nobody's score rises by it, and users 0 to 2, who have it, are not shown it."""
    seen, _ = world
    trained = seen.without(np.array([True, False, False, False, False]))
    targets = make_targets({0: 2, 3: 0})
    ranking = rank_rivals(trained, targets, seen, N_ITEMS, names=["popularity"]).rankings["popularity"]
    assert ranking.top[0, :4].tolist() == [2, 3, 4, -1]
    assert ranking.rank.tolist() == [0, 2], "the hidden item ties with item 4, which counts against it"


def test_sections_hold_the_same_keys_as_any_summary(world):
    trained, targets = world
    rivals = rank_rivals(trained, targets, trained, N_ITEMS, names=["popularity"])
    figures = measure_rivals(rivals, slices(targets, trained, N_ITEMS), N_ITEMS, np.eye(N_ITEMS))[
        "popularity"
    ]
    keys = summarise([0], [[0]], N_ITEMS).keys()
    assert figures.keys() == {*keys, "slices"}
    assert figures["slices"]["warm_items"].keys() == keys
    assert figures["ild@20"] == pytest.approx(1)
