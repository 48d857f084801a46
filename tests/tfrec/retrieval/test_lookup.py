"""From strings to rows, against plain Python."""

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.layer_checks import check_layer
from tfrec.data.histories import Histories
from tfrec.retrieval.lookup import UserMemory, compact, id_lookup, marked

ITEMS = 9
ROWS = st.tuples(st.integers(1, 4), st.integers(0, 7)).flatmap(
    lambda shape: arrays(np.int32, shape, elements=st.integers(0, ITEMS - 1))
)


def test_an_id_is_its_position_plus_one_and_anything_else_is_0():
    lookup = id_lookup(["a", "ü b", "7"])
    assert lookup(tf.constant([["7", "a"], ["", "A"], ["ü b", "b"]])).numpy().tolist() == [
        [3, 1],
        [0, 0],
        [2, 0],
    ]


def test_an_id_may_be_called_as_unknown_ones_are_elsewhere():
    assert id_lookup(["[UNK]", "b"])(tf.constant(["b", "[UNK]", "c"])).numpy().tolist() == [2, 1, 0]


def test_one_id_and_no_request():
    lookup = id_lookup(["a"])
    assert lookup(tf.zeros([2, 0], tf.string)).shape == (2, 0)


@settings(max_examples=60, deadline=None)
@given(ROWS, st.integers(1, 8))
def test_compact_keeps_the_last_rows_in_order(rows, length):
    expected = np.zeros((len(rows), length), np.int32)
    for line, row in enumerate(rows):
        kept = [r for r in row if r][-length:]
        expected[line, : len(kept)] = kept
    np.testing.assert_array_equal(compact(tf.constant(rows), length), expected)


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_marked_is_membership_and_row_0_always_is(rows):
    expected = [[item == 0 or item in row for item in range(ITEMS)] for row in rows.tolist()]
    np.testing.assert_array_equal(marked(tf.constant(rows), ITEMS), expected)


class TestUserMemory:
    START, ITEM = np.array([0, 2, 2, 5]), np.array([4, 0, 1, 1, 3], np.int32)

    def test_it_gives_what_each_user_did(self):
        memory = UserMemory.of(self.START, self.ITEM)
        expected = [[2, 2, 4], [0, 0, 0], [5, 1, 0], [0, 0, 0]]  # users 3, nobody, 1, and 2, who did nothing
        np.testing.assert_array_equal(memory(tf.constant([3, 0, 1, 2])), expected)

    def test_it_is_as_wide_as_the_longest_of_the_batch(self):
        assert UserMemory.of(self.START, self.ITEM)(tf.constant([0, 2])).shape == (2, 0)

    def test_nobody_did_anything(self):
        memory = UserMemory.of(np.array([0, 0]), np.zeros(0, np.int32))
        assert memory(tf.constant([0, 1])).shape == (2, 0)

    def test_it_agrees_with_the_histories(self):
        rng = np.random.default_rng(0)
        lengths = rng.integers(0, 6, 20)
        items = rng.integers(0, 9, lengths.sum()).astype(np.int32)
        h = Histories(items, np.cumsum([0, *lengths]), np.zeros(len(items)))
        stored = UserMemory.of(h.start, h.item)(tf.range(21)).numpy()
        for user in range(20):
            assert stored[user + 1][stored[user + 1] > 0].tolist() == (h.of(user) + 1).tolist()

    def test_the_layer(self, tmp_path):
        def make(**options) -> UserMemory:
            memory = UserMemory(4, 5, **options)
            memory.start.assign([0, *self.START])
            memory.rows.assign([*self.ITEM + 1, 0])
            return memory

        check_layer(make, (np.array([3, 1], np.int32),), (2, 3), tmp_path)
