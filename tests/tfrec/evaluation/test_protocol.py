from itertools import chain
from math import log2

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfrec.data.histories import Histories
from tfrec.data.splits import Targets
from tfrec.evaluation.protocol import (
    Ranking,
    batch_for,
    equal_time_share,
    lift,
    measure,
    measure_slices,
    rank_targets,
    slices,
    top_k,
)


def scores_of(table):
    table = np.array(table, np.float32)
    return lambda users: table[users]


def test_earlier_items_are_masked_and_the_rest_is_ranked(make_histories, make_targets):
    seen = make_histories([[3, 0], []])
    score = scores_of([[9, 2, 5, 8], [1, 2, 3, 4]])
    ranking = rank_targets(score, make_targets({0: 1, 1: 2}), seen)
    np.testing.assert_array_equal(ranking.rank, [1, 1])
    np.testing.assert_array_equal(ranking.top[:, :5], [[2, 1, -1, -1, -1], [3, 2, 1, 0, -1]])
    assert ranking.top.shape == (2, 20)


def test_a_tie_counts_against_the_model(make_histories, make_targets):
    ranking = rank_targets(scores_of([[7, 7, 7, 7, 1]]), make_targets({0: 1}), make_histories([[0]]))
    assert ranking.rank == [2], "items 2 and 3 tie with the target, item 0 is masked"


def test_a_target_that_is_never_reached_comes_last(make_histories, make_targets):
    ranking = rank_targets(scores_of([[-np.inf, 1, -np.inf]]), make_targets({0: 0}), make_histories([[]]))
    assert ranking.rank == [2]
    np.testing.assert_array_equal(ranking.top[0, :3], [1, -1, -1])


def test_without_masking_a_known_item_can_be_the_target(make_histories, make_targets):
    seen = make_histories([[2, 0]])
    ranking = rank_targets(scores_of([[5, 1, 9]]), make_targets({0: 2}), seen, mask_seen=False)
    assert ranking.rank == [0]


def test_a_target_in_its_own_history_is_refused(make_histories, make_targets):
    with pytest.raises(ValueError, match=r"Received: item 2 of user 1.*mask_seen=False"):
        rank_targets(scores_of(np.ones((2, 3))), make_targets({0: 2, 1: 2}), make_histories([[0], [1, 2]]))


def test_nan_is_refused_with_the_user(make_histories, make_targets):
    score = scores_of([[1, 2], [np.nan, 1]])
    with pytest.raises(ValueError, match=r"NaN for 1 of 2 users, first for user 1"):
        rank_targets(score, make_targets({0: 1, 1: 1}), make_histories([[], []]))


@pytest.mark.parametrize("shape", [(1, 4), (2, 3), (2,), (2, 4, 1)])
def test_scores_of_another_shape_are_refused(shape, make_histories, make_targets):
    with pytest.raises(ValueError, match="one row for each of the 2 users and one column for each item"):
        rank_targets(lambda users: np.zeros(shape), make_targets({0: 3, 1: 0}), make_histories([[], []]))


def test_the_scores_of_the_model_are_not_written_to(make_histories, make_targets):
    table = np.arange(6, dtype=np.float32).reshape(1, 6)
    rank_targets(lambda users: table, make_targets({0: 1}), make_histories([[0, 2]]))
    np.testing.assert_array_equal(table, [np.arange(6)])


def test_no_target_gives_an_empty_ranking_and_no_figures(make_histories, make_targets):
    ranking = rank_targets(scores_of(np.zeros((1, 3))), make_targets({}), make_histories([[0]]))
    assert ranking.rank.shape == (0,)
    assert ranking.top.shape == (0, 20)
    assert measure(ranking, 3) is None


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_ranks_agree_with_sorting_written_out(data):
    """An oracle in plain Python, over few levels so that ties abound, in batches of any size."""
    n_users, n_items = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 30))
    levels = st.lists(st.integers(0, 3), min_size=n_items, max_size=n_items)
    table = [data.draw(levels) for _ in range(n_users)]
    target = [data.draw(st.integers(0, n_items - 1)) for _ in range(n_users)]
    own = [sorted(data.draw(st.sets(st.integers(0, n_items - 1))) - {item}) for item in target]
    seen = Histories(
        np.array(list(chain(*own)), np.int32), np.cumsum([0, *map(len, own)]), np.zeros(sum(map(len, own)))
    )
    targets = Targets(np.arange(n_users, dtype=np.int32), np.array(target, np.int32))
    ranking = rank_targets(scores_of(table), targets, seen, batch=data.draw(st.integers(1, 6)))
    for user in range(n_users):
        unseen = [item for item in range(n_items) if item not in own[user]]
        not_worse = [item for item in unseen if table[user][item] >= table[user][target[user]]]
        best = sorted(unseen, key=lambda item: (-table[user][item], item))[:20]
        assert ranking.rank[user] == len(not_worse) - 1
        assert ranking.top[user].tolist() == best + [-1] * (20 - len(best))


def test_top_k_takes_no_more_than_there_is():
    np.testing.assert_array_equal(top_k(np.array([[1, 3, 2]], np.float32), 9), [[1, 2, 0]])


def test_slices_part_targets_by_what_training_knows(make_histories, make_targets):
    trained = make_histories([[0, 1], [], [1]])
    masks = slices(make_targets({0: 2, 1: 0, 2: 3}), trained, n_items=5)
    assert {name: mask.tolist() for name, mask in masks.items()} == {
        "cold_items": [True, False, True],
        "warm_items": [False, True, False],
        "new_users": [False, True, False],
    }


def test_an_empty_slice_is_none_and_the_others_keep_the_keys():
    ranking = Ranking(np.array([0, 3]), np.full((2, 20), -1, np.int32))
    masks = {
        "all": np.array([True, True]),
        "second": np.array([False, True]),
        "none": np.array([False, False]),
    }
    figures = measure_slices(ranking, masks, 10)
    assert figures["none"] is None
    assert figures["all"] == measure(ranking, 10)
    assert figures["second"]["targets"] == 1
    assert figures["second"]["ndcg@10"] == pytest.approx(1 / log2(5))


def test_lift_puts_candidates_first_and_keeps_the_order_of_the_others():
    scores = [[0.9, 0.8, 0.7, 0.6, 0.5]]
    lifted = lift(scores, candidates=[[4, 2]], candidate_scores=[[-3.0, -8.0]])
    np.testing.assert_array_equal(np.argsort(-lifted[0]), [4, 2, 0, 1, 3])


def test_lift_keeps_ties_and_ignores_empty_candidates():
    lifted = lift([[3.0, 2.0, 1.0]], candidates=[[1, 2, -1]], candidate_scores=[[5.0, 5.0, 99.0]])
    assert lifted[0, 1] == lifted[0, 2] > lifted[0, 0]


def test_lift_stays_finite_in_order_where_nothing_was_reachable():
    lifted = lift([[-np.inf, -np.inf]], candidates=[[1]], candidate_scores=[[np.finfo(np.float32).min]])
    assert lifted[0, 1] > lifted[0, 0]
    assert not np.isnan(lifted).any()


def test_equal_times_are_counted_within_a_user(make_histories):
    histories = make_histories([[0, 1, 2], [3, 4], []], [5, 5, 6, 6, 6])
    assert equal_time_share(histories) == 2 / 5, "(0, 1) and (3, 4), but not 2 and 3 of two users"


def test_equal_times_of_nobody_are_none(make_histories):
    assert equal_time_share(make_histories([[], []])) == 0


def test_batches_shrink_with_the_catalogue():
    assert batch_for(100) == 1024
    assert batch_for(1_000_000) * 1_000_000 * 4 <= 128 * 2**20
    assert batch_for(10**10) == 1
