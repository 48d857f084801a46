"""Why an item is in the slate, by hand."""

import tensorflow as tf

from tfrec.reranking.reasons import reasons

TITLES = tf.constant(["", "Heat", "Toys", "Alien", "Über uns"])


def phrases(rows, recent, has_text, similarity) -> list[list[str]]:
    found = reasons(
        tf.constant(rows),
        tf.constant(recent),
        tf.constant(has_text),
        tf.constant(similarity, tf.float32),
        TITLES,
    )
    return [[one.decode() for one in line] for line in found.numpy()]


def test_the_event_that_an_item_resembles_most():
    similarity = [[[0.1, 0.9, 5.0], [-0.2, -0.9, 5.0]]]  # the third event is none, whatever its similarity
    assert phrases([[1, 2]], [[3, 4, 0]], [[True]], similarity) == [
        ["because of Über uns", "because of Alien"]
    ]


def test_without_a_history_the_words_and_without_words_popularity():
    similarity = [[[0.0, 0.0]]] * 2
    found = phrases([[1], [1]], [[0, 0], [0, 0]], [[True], [False]], similarity)
    assert found == [["matches your words"], ["popular"]]


def test_no_item_no_reason():
    assert phrases([[0, 1]], [[3]], [[False]], [[[1.0], [1.0]]]) == [["", "because of Alien"]]
    assert phrases([[0]], [[0]], [[True]], [[[1.0]]]) == [[""]]
