"""A pair's tokens: where each title stands, newest first, and what is padding."""

import numpy as np

from tfrec.reranking.pair_text import PairText, newest

CLS, SEP = 101, 102
TABLE = np.array([[0, 0, 0], [11, 12, 13], [21, 22, 0], [31, 0, 0]])  # row 0 is empty


def test_the_newest_events_come_first_and_then_nothing():
    history = np.array([[1, 2, 3, 0], [2, 0, 0, 0], [0, 0, 0, 0]])
    np.testing.assert_array_equal(newest(history, 2), [[3, 2], [2, 0], [0, 0]])


def test_every_title_has_its_place():
    text = PairText(TABLE, (CLS, SEP), events=2, event_tokens=2)
    tokens, segments = text(np.array([[1, 2], [3, 0]], np.int32), np.array([[3, 0], [1, 2]], np.int32))
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
    assert text.tokens == tokens.shape[1]
