"""A pair's tokens: where each title stands, newest first, and what is padding."""

import numpy as np

from tfrec.reranking.pair_text import PairText, newest

CLS, SEP = 101, 102
TABLE = np.array([[0, 0, 0], [11, 12, 13], [21, 22, 0], [31, 0, 0]])  # row 0 is empty
HISTORY = {
    "history": np.array([[1, 2], [3, 0]], np.int32),
    "candidates": np.array([[3, 0], [1, 2]], np.int32),
}


def test_the_newest_events_come_first_and_then_nothing():
    history = np.array([[1, 2, 3, 0], [2, 0, 0, 0], [0, 0, 0, 0]])
    np.testing.assert_array_equal(newest(history, 2), [[3, 2], [2, 0], [0, 0]])


def test_every_title_has_its_place():
    text = PairText(TABLE, (CLS, SEP), events=2, event_tokens=2)
    tokens, segments = text(HISTORY)
    np.testing.assert_array_equal(
        tokens,
        [
            [CLS, 21, 22, 11, 12, SEP, 31, 0, 0, SEP],  # of row 1 two of three tokens are read
            [CLS, 21, 22, 11, 12, SEP, 0, 0, 0, SEP],
            [CLS, 31, 0, 0, 0, SEP, 11, 12, 13, SEP],
            [CLS, 31, 0, 0, 0, SEP, 21, 22, 0, SEP],
        ],
    )
    np.testing.assert_array_equal(segments, np.tile([0] * 6 + [1] * 4, (4, 1)))


def test_profile_and_free_text_stand_behind_and_move_nothing():
    profiles = np.array([[0, 0], [41, 42], [0, 0]])
    text = PairText(TABLE, (CLS, SEP), events=2, event_tokens=2, profiles=profiles)
    plain = PairText(TABLE, (CLS, SEP), events=2, event_tokens=2)
    asked = {
        **HISTORY,
        "user": np.array([1, 2], np.int32),
        "text": np.array([[51, 0, 0], [0, 0, 0]], np.int32),
    }
    tokens, segments = text(asked)
    np.testing.assert_array_equal(tokens[:, :10], plain(HISTORY)[0])
    np.testing.assert_array_equal(segments, np.tile([0] * 6 + [1] * 4 + [0] * 7, (4, 1)))
    more = [[41, 42, SEP, 51, 0, 0, SEP], [0] * 7]  # nothing is known of the second user
    np.testing.assert_array_equal(tokens[:, 10:], np.repeat(more, 2, 0))
    assert text.width(3) == tokens.shape[1]


def test_what_is_told_of_a_user():
    profiles = np.array([[0], [41], [0]])
    text = PairText(TABLE, (CLS, SEP), events=2, event_tokens=2, profiles=profiles)
    asked = {
        "history": np.array([[0], [1], [0], [0]], np.int32),
        "user": np.array([0, 0, 1, 2], np.int32),
        "text": np.array([[0], [0], [0], [51]], np.int32),
    }
    np.testing.assert_array_equal(text.told(asked), [False, True, True, True])
    np.testing.assert_array_equal(
        text.told({**asked, "text": asked["text"][:, :0]}), [False, True, True, False]
    )
