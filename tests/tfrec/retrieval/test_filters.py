"""Filters against sets of plain Python."""

import numpy as np
import pytest
import tensorflow as tf

from tfrec.retrieval.filters import Categories, Filters

ITEMS, CATEGORIES = 30, 5
RNG = np.random.default_rng(0)
TABLE = np.where(RNG.random((ITEMS, 2)) < 0.7, RNG.integers(1, CATEGORIES, (ITEMS, 2)), 0).astype(np.int32)
TABLE[0] = 0
SEEN = [[3, 0, 7, 7], [0, 0, 0, 0], [29, 1, 2, 0]]
WANTED = [{1, 4}, set(), {2}]  # the second asks for none: all are allowed


def filters(seen=SEEN, wanted=WANTED) -> Filters:
    member = np.array([[category in some for category in range(CATEGORIES)] for some in wanted])
    asked = np.array([[bool(some)] for some in wanted])
    return Filters(tf.constant(seen), Categories(tf.constant(member), tf.constant(asked), tf.constant(TABLE)))


def expected(seen=SEEN, wanted=WANTED) -> list[list[bool]]:
    def blocked(row: int, line: int) -> bool:
        outside = bool(wanted[line]) and not wanted[line] & {*TABLE[row].tolist()} - {0}
        return row == 0 or row in seen[line] or outside

    return [[blocked(row, line) for row in range(ITEMS)] for line in range(len(seen))]


def test_seen_rows_and_other_categories_are_blocked():
    np.testing.assert_array_equal(filters().blocked(ITEMS), expected())


def test_some_rows_are_as_they_are_among_all():
    rows = tf.constant([5, 0, 7, 7, 29, 1])
    np.testing.assert_array_equal(filters().blocked_at(rows), tf.gather(expected(), rows, axis=1))


def test_a_line_is_that_request_alone():
    for line in range(3):
        np.testing.assert_array_equal(filters().line(line).blocked(ITEMS), expected()[line : line + 1])


def test_nobody_asks_for_a_category():
    wanted = [set()] * 3
    np.testing.assert_array_equal(filters(wanted=wanted).blocked(ITEMS), expected(wanted=wanted))
    np.testing.assert_array_equal(Filters(tf.constant(SEEN)).blocked(ITEMS), expected(wanted=wanted))


def test_the_padding_category_is_none():
    """Items without category do not pass because the request's own list is padded with category 0."""
    wanted = [{0, 1}] * 3
    np.testing.assert_array_equal(filters(wanted=wanted).blocked(ITEMS), expected(wanted=[{1}] * 3))


@pytest.mark.parametrize("width", [0, 1, 10_000])
def test_lists_of_any_width(width):
    seen = np.random.default_rng(1).integers(0, ITEMS, (2, width)).astype(np.int32)
    seen[1] = 0
    some, rows = Filters(tf.constant(seen)), tf.range(ITEMS)
    np.testing.assert_array_equal(some.blocked_at(rows), some.blocked(ITEMS))
    assert some.blocked(ITEMS).numpy()[1].sum() == 1
