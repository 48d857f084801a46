"""What is held out, and that no history knows it."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tfrec.data.errors import DatasetError
from tfrec.data.histories import Histories
from tfrec.data.splits import Targets, check_no_leakage, hidden_items, last_out, split, time_split

ITEMS = 6
EVENTS = st.lists(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, ITEMS - 1)), max_size=8), min_size=1, max_size=6
)


def flat(events):
    """Histories of lists of (time, position)."""
    start = np.cumsum([0, *map(len, events)])
    pairs = np.array([pair for one in events for pair in one], float).reshape(-1, 2)
    return Histories(pairs[:, 1].astype(np.int32), start, pairs[:, 0])


def lists(h):
    return [h.of(user).tolist() for user in range(len(h))]


def pairs(targets):
    return list(zip(targets.user.tolist(), targets.item.tolist(), strict=True))


def ordered(events, *, first_only):
    """The events of each user as a dataset would give them: by time, perhaps only the first with an item."""
    result = [sorted(one, key=lambda event: event[0]) for one in events]
    if first_only:
        result = [list({item: (time, item) for time, item in reversed(one)}.values())[::-1] for one in result]
        result = [sorted(one, key=lambda event: event[0]) for one in result]
    return result


def test_last_out_by_hand():
    s = split(flat([[(1, 0), (2, 1), (3, 2), (4, 3)], [(1, 4), (1, 5)], [], [(2, 3), (2, 2), (2, 1)]]))
    assert pairs(s.test) == [(0, 3), (3, 1)]
    assert pairs(s.valid) == [(0, 2), (3, 2)]
    assert lists(s.train) == [[0, 1], [4, 5], [], [3]]
    assert lists(s.refit) == [[0, 1, 2], [4, 5], [], [3, 2]]


def test_last_out_tests_users_with_three_different_items_only():
    s = split(flat([[(1, 0), (2, 1), (3, 0), (4, 1)], [(1, 0), (2, 1), (3, 0), (4, 2), (5, 0)]]))
    assert pairs(s.test) == [(1, 0)]
    assert pairs(s.valid) == [(1, 2)]
    assert lists(s.refit) == [[0, 1, 0, 1], [0, 1, 0, 2]]


@given(EVENTS, st.booleans())
def test_last_out_agrees_with_lists(events, first_only):
    events = ordered(events, first_only=first_only)
    sequences = [[item for _, item in one] for one in events]
    tested = [user for user, s in enumerate(sequences) if len(set(s)) >= 3]
    assume(tested)
    s = last_out(flat(events))
    assert pairs(s.test) == [(user, sequences[user][-1]) for user in tested]
    assert pairs(s.valid) == [(user, sequences[user][-2]) for user in tested]
    assert lists(s.refit) == [q[:-1] if u in tested else q for u, q in enumerate(sequences)]
    assert lists(s.train) == [q[:-2] if u in tested else q for u, q in enumerate(sequences)]


def test_last_out_without_a_long_user_is_refused():
    with pytest.raises(DatasetError, match="no user with 3 different items"):
        split(flat([[(1, 0)], [(1, 0), (2, 1)]]))


def test_time_split_by_hand():
    # times 0..9 once each: the cuts fall at 9 * .8 = 7.2 and 9 * .9 = 8.1
    s = split(
        flat([[(0, 0), (1, 1), (2, 2), (8, 3)], [(3, 0), (4, 4), (5, 5), (6, 1), (7, 2)], [(9, 5)]]), "time"
    )
    assert lists(s.train) == [[0, 1, 2], [0, 4, 5, 1, 2], []]
    assert pairs(s.valid) == [(0, 3)]
    assert lists(s.refit) == [[0, 1, 2, 3], [0, 4, 5, 1, 2], []]
    assert pairs(s.test) == [(2, 5)]


@given(EVENTS, st.booleans())
def test_time_split_agrees_with_lists(events, first_only):
    events = ordered(events, first_only=first_only)
    times = [time for one in events for time, _ in one]
    assume(times)
    one_cut, two_cut = np.quantile(times, [0.8, 0.9])
    valid = [(u, next((i for t, i in e if one_cut <= t < two_cut), None)) for u, e in enumerate(events)]
    test = [(u, next((i for t, i in e if t >= two_cut), None)) for u, e in enumerate(events)]
    train = [[i for t, i in e if t < one_cut] for e in events]
    assume(any(train) and any(i is not None for _, i in valid) and any(i is not None for _, i in test))
    s = time_split(flat(events))
    assert lists(s.train) == train
    assert lists(s.refit) == [[i for t, i in e if t < two_cut] for e in events]
    assert pairs(s.valid) == [target for target in valid if target[1] is not None]
    assert pairs(s.test) == [target for target in test if target[1] is not None]


def test_time_split_takes_its_moments_from_the_caller():
    s = time_split(flat([[(time, time % ITEMS)] for time in range(10)]), cuts=(0.5, 0.7))
    # the cuts fall at 4.5 and 6.3
    assert (len(s.train.item), len(s.valid), len(s.test)) == (5, 2, 3)


@pytest.mark.parametrize("cuts", [(0.9, 0.8), (0.0, 0.5), (0.5, 1.0)])
def test_time_split_refuses_moments_out_of_order(cuts):
    with pytest.raises(ValueError, match="two rising shares"):
        time_split(flat([[(0, 0), (1, 1)]]), cuts=cuts)


def test_time_split_without_time_is_refused():
    with pytest.raises(DatasetError, match="Received: 0, 0 and 3"):
        split(flat([[(5, 0), (5, 1), (5, 2)]]), "time")


def test_an_unknown_split_is_refused():
    with pytest.raises(ValueError, match=r"'last-out' or 'time'\. Received: 'random'"):
        split(flat([[(1, 0)]]), "random")


@pytest.mark.parametrize("how", ["last-out", "time"])
def test_times_that_run_backwards_are_refused(how):
    backwards = [(9 - n, n % ITEMS) for n in range(6)]
    with pytest.raises(DatasetError, match="times run backwards"):
        split(flat([backwards, [(n, n % ITEMS) for n in range(10)]]), how)


def test_a_target_earlier_than_its_history_is_refused():
    h = flat([[(1, 0), (5, 1)], []])
    targets = Targets(np.array([0, 1], np.int32), np.array([2, 2], np.int32))
    check_no_leakage(h, targets, np.array([5.0, 0.0]))
    with pytest.raises(DatasetError, match="1 targets are earlier than the end of their own history"):
        check_no_leakage(h, targets, np.array([4.0, 0.0]))


def test_a_target_in_its_own_history_is_refused_unless_repeats_are_kept():
    h = flat([[(1, 0), (5, 1)], [(1, 2)]])
    targets = Targets(np.array([0, 1], np.int32), np.array([0, 1], np.int32))
    with pytest.raises(DatasetError, match=r"1 targets are in their own history \(first: user number 0\)"):
        check_no_leakage(h, targets, np.array([6.0, 6.0]))
    check_no_leakage(h, targets, np.array([6.0, 6.0]), repeats=True)


def test_hidden_items_are_the_documented_draw():
    drawn = np.random.default_rng(3).choice(50, 10, replace=False)
    assert np.flatnonzero(hidden_items(50, 0.2, 3)).tolist() == sorted(drawn)
    assert hidden_items(50, 0.0, 3).sum() == 0


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(ValueError, match=r"`share` must lie in \[0, 1\)"):
        hidden_items(10, share, 0)
