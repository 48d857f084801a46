"""A slate in the making: what every step may rely on."""

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfrec.reranking.draft import ABSENT, Draft, clipped, where_asked

ROWS, RELEVANCE = tf.constant([[7, 0, 3, 9]]), tf.constant([[10.0, 99.0, 30.0, 20.0]])


def draft() -> Draft:
    return Draft.of(ROWS, RELEVANCE)


def test_by_relevance_between_0_and_1_with_blanks_last():
    made = draft()
    assert made.rows.numpy().tolist() == [[3, 9, 7, 0]]
    assert made.place.numpy()[0, :3].tolist() == [2, 3, 0]
    np.testing.assert_allclose(made.score[0, :3], [1, (20 - 10) / (30 - 10), 0])
    assert made.score[0, 3] == ABSENT


def test_the_chosen_lead_and_the_others_keep_their_order():
    assert draft().led_by(tf.constant([[2, 0]]), tf.constant([2])).rows.numpy().tolist() == [[7, 3, 9, 0]]
    assert draft().led_by(tf.constant([[2, 0, 0, 0, 0]]), tf.constant([5])).rows.numpy().tolist() == [
        [7, 3, 9, 0]
    ]


def test_scores_stay_with_places_and_never_rise():
    led = draft().led_by(tf.constant([[2]]), tf.constant([1]))
    np.testing.assert_allclose(led.score[0, :3], [1, 0.5, 0])
    np.testing.assert_allclose(
        led.scored(tf.constant([[0.25]]), tf.constant([1])).score[0, :3], [0.25, 0.25, 0]
    )


def test_what_was_chosen_beyond_the_slate_of_a_row_does_not_count():
    chosen, head = tf.constant([[2, 1, 0]]), tf.constant([[0.9, 0.8, 0.1]])
    alone = draft().led_by(chosen[:, :1], tf.constant([1])).scored(head[:, :1], tf.constant([1]))
    in_company = draft().led_by(chosen, tf.constant([1])).scored(head, tf.constant([1]))
    for one, other in zip(alone, in_company, strict=True):
        np.testing.assert_array_equal(one, other)


def test_new_scores_sort_anew():
    made = draft().rescored(tf.constant([[0.1, 0.3, 0.2, 9.0]]))
    assert made.rows.numpy().tolist() == [[9, 7, 3, 0]]
    np.testing.assert_allclose(made.score, [[0.3, 0.2, 0.1, ABSENT]])


def test_what_is_dropped_leaves_the_scores_of_the_others():
    made = draft().without(tf.constant([[False, True, False, False]]))
    assert made.rows.numpy().tolist() == [[3, 7, 0, 0]]
    np.testing.assert_allclose(made.score, [[1, 0, ABSENT, ABSENT]])


def test_a_slate_longer_than_the_list_is_filled_up():
    place, score = draft().first(tf.constant(6))
    assert place.numpy().tolist() == [[2, 3, 0, 0, 0, 0]]
    np.testing.assert_allclose(score, [[1, 0.5, 0, ABSENT, ABSENT, ABSENT]])


def test_a_step_changes_only_the_rows_that_ask():
    two = Draft.of(tf.repeat(ROWS, 2, 0), tf.repeat(RELEVANCE, 2, 0))
    made = where_asked(
        tf.constant([0.0, 0.5]), two, lambda: two.led_by(tf.constant([[2], [2]]), tf.constant([1, 1]))
    )
    assert made.rows.numpy().tolist() == [[3, 9, 7, 0], [7, 3, 9, 0]]


def test_a_wild_strength_is_clipped():
    wild = clipped(tf.constant([-3.0, 0.25, 7.0, np.nan, np.inf]))
    np.testing.assert_array_equal(wild, np.float32([0, 0.25, 1, 0, 1]))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.floats(-1e6, 1e6, width=32)), min_size=1, max_size=12))
def test_every_list_becomes_a_sorted_draft(pairs):
    rows = [place + 1 if kind else 0 for place, (kind, _) in enumerate(pairs)]
    made = Draft.of(tf.constant([rows]), tf.constant([[relevance for _, relevance in pairs]]))
    found = [row for row in made.rows.numpy()[0] if row]
    assert sorted(found) == sorted(row for row in rows if row)
    assert not any(made.rows.numpy()[0, len(found) :])
    assert (np.diff(made.score) <= 0).all()
