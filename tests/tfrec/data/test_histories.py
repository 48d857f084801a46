"""Sequences against a plain-Python oracle."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfrec.data.dataset import make_dataset
from tfrec.data.histories import Histories, histories, training_windows

USERS, ITEMS = 7, 9
SEQUENCES = st.lists(st.lists(st.integers(0, ITEMS - 1), max_size=12), min_size=1, max_size=6)


def flat(sequences, times=None):
    """Histories of lists of positions; the times count on within a user unless given."""
    start = np.cumsum([0, *map(len, sequences)])
    item = np.array([item for sequence in sequences for item in sequence], np.int32)
    time = np.concatenate([np.arange(len(s)) for s in sequences] if times is None else times).astype(float)
    return Histories(item, start, time)


def lists(h):
    return [h.of(user).tolist() for user in range(len(h))]


@pytest.fixture(scope="module")
def dataset():
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        {
            "user_id": rng.integers(0, USERS, 200).astype(str),
            "item_id": rng.integers(0, ITEMS, 200).astype(str),
            "timestamp": rng.integers(0, 20, 200),
        }
    )
    return make_dataset(rows, pd.DataFrame({"item_id": [str(item) for item in range(ITEMS)]}))


@pytest.mark.parametrize("repeats", ["first", "keep"])
def test_histories_agree_with_a_loop_over_the_table(dataset, repeats):
    expected = {user: [] for user in dataset.user_ids}
    for row in dataset.interactions.itertuples():
        position = dataset.item_ids.tolist().index(row.item_id)
        if repeats == "keep" or position not in expected[row.user_id]:
            expected[row.user_id].append(position)
    h = histories(dataset, repeats)
    assert lists(h) == list(expected.values())
    assert (h.item.dtype, h.start.dtype, h.time.dtype) == (np.int32, np.int64, np.float64)
    assert all((np.diff(h.time[a:b]) >= 0).all() for a, b in pairwise(h.start))
    assert h.has_repeats() == (repeats == "keep")
    rows = dataset.interactions.iloc[h.event]
    assert rows["item_id"].tolist() == dataset.item_ids[h.item].tolist()
    assert rows["user_id"].tolist() == dataset.user_ids[h.user].tolist()


def test_an_unknown_way_with_repeats_is_refused(dataset):
    with pytest.raises(ValueError, match=r"'first' or 'keep'\. Received: 'last'"):
        histories(dataset, "last")


def test_arrays_must_fit_each_other():
    with pytest.raises(ValueError, match="2 items, 2 times, start"):
        Histories(np.zeros(2, np.int32), np.array([0, 3]), np.zeros(2))


@given(SEQUENCES)
def test_views_agree_with_lists(sequences):
    h = flat(sequences)
    assert len(h) == len(sequences)
    assert h.lengths.tolist() == [len(s) for s in sequences]
    assert h.user.tolist() == [user for user, s in enumerate(sequences) for _ in s]
    assert h.place.tolist() == [place for s in sequences for place in range(len(s))]
    assert h.distinct().tolist() == [len(set(s)) for s in sequences]
    assert h.has_repeats() == any(len(set(s)) < len(s) for s in sequences)
    assert h.counts(ITEMS).tolist() == [sum(s.count(item) for s in sequences) for item in range(ITEMS)]


@given(SEQUENCES)
def test_the_matrix_is_binary_and_leaves_the_sequence_alone(sequences):
    h = flat(sequences)
    expected = np.array([[float(item in s) for item in range(ITEMS)] for s in sequences])
    matrix = h.matrix(ITEMS)
    np.testing.assert_array_equal(matrix.toarray(), expected)
    assert matrix.dtype == np.float32
    assert lists(h) == sequences


@given(SEQUENCES, st.lists(st.booleans(), min_size=ITEMS, max_size=ITEMS))
def test_hidden_items_leave_the_sequence_but_users_stay(sequences, hidden):
    assert lists(flat(sequences).without(np.array(hidden))) == [
        [i for i in s if not hidden[i]] for s in sequences
    ]


@given(SEQUENCES, st.data())
def test_heads_are_first_items(sequences, data):
    cuts = [data.draw(st.integers(0, len(s) + 1)) for s in sequences]
    assert lists(flat(sequences).head(np.array(cuts))) == [
        s[:cut] for s, cut in zip(sequences, cuts, strict=True)
    ]


@given(SEQUENCES, st.data())
def test_holds_knows_who_met_what(sequences, data):
    user = data.draw(st.lists(st.integers(0, len(sequences) - 1), max_size=5))
    item = [data.draw(st.integers(0, ITEMS)) for _ in user]
    held = flat(sequences).holds(np.array(user, np.int32), np.array(item, np.int32))
    assert held.tolist() == [i in sequences[u] for u, i in zip(user, item, strict=True)]


@given(SEQUENCES, st.integers(1, 6))
def test_tails_are_rows_with_zeros_at_the_right(sequences, length):
    tails = flat(sequences).tail_rows(length)
    assert tails.dtype == np.int32
    assert tails.tolist() == [
        [item + 1 for item in s[-length:]] + [0] * (length - len(s[-length:])) for s in sequences
    ]


@given(SEQUENCES, st.integers(1, 6))
def test_every_step_is_in_exactly_one_window(sequences, length):
    windows = training_windows(flat(sequences), length)
    assert windows.rows.shape == windows.events.shape == (len(windows.user), length + 1)
    steps = [
        (user, a, b)
        for user, window in zip(windows.user.tolist(), windows.rows.tolist(), strict=True)
        for a, b in pairwise(window)
        if b
    ]
    assert steps == [(user, a + 1, b + 1) for user, s in enumerate(sequences) for a, b in pairwise(s)]


def test_the_newest_window_is_full_and_the_oldest_short():
    windows = training_windows(flat([[0, 1, 2, 3, 4], [5], [6, 7]]), 3)
    assert windows.rows.tolist() == [[1, 2, 0, 0], [2, 3, 4, 5], [7, 8, 0, 0]]
    assert windows.user.tolist() == [0, 0, 2]
    assert windows.is_first.tolist() == [True, False, True]


def test_a_first_item_may_be_a_window_of_its_own():
    windows = training_windows(flat([[0, 1, 2], [], [5]]), 2, least=1)
    assert windows.rows.tolist() == [[1, 2, 3], [6, 0, 0]]
    assert windows.is_first.tolist() == [True, True]


@given(SEQUENCES, st.integers(1, 4), st.lists(st.booleans(), min_size=ITEMS, max_size=ITEMS))
def test_events_stay_with_their_items_through_every_cut(sequences, length, hidden):
    """An event is a row of the table; here row r holds the item `table[r]`."""
    whole = flat(sequences)
    table = whole.item
    cut = whole.without(np.array(hidden)).head(whole.lengths - 1)
    assert table[cut.event].tolist() == cut.item.tolist()
    windows = training_windows(cut, length)
    np.testing.assert_array_equal(np.r_[0, table + 1][windows.events], windows.rows)


def test_a_window_without_a_step_is_refused():
    with pytest.raises(ValueError, match=r"`length` must be at least 1\. Received: 0"):
        training_windows(flat([[0, 1]]), 0)
