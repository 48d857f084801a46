"""Many texts in batches: alike lengths together, answers in the places they belong to, no more work than is wanted."""

import time

import numpy as np
import pytest
import tensorflow as tf

from tfrec.text.batches import AT_ONCE, encode_in_steps


class Counting:
    """Stands for an encoder: a text of n letters a has n tokens, and the vector [n]. It knows what it was asked."""

    sequence_length = 64

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds, self.asked = seconds, []

    def pieces(self, texts: tf.Tensor) -> tf.RaggedTensor:
        return tf.strings.unicode_split(texts, "UTF-8")

    def forward(self, texts: tf.Tensor) -> tf.Tensor:
        time.sleep(self.seconds)
        lengths = tf.strings.length(texts)
        self.asked.append(lengths.numpy().tolist())
        return tf.cast(lengths, tf.float32)[:, None]


@pytest.mark.parametrize("batch", [1, 3, 16])
def test_every_text_gets_its_own_vector(batch):
    lengths = np.random.default_rng(0).integers(0, 30, 41)
    found = np.full(41, -1.0)
    for places, vectors in encode_in_steps(Counting(0.001), ["a" * n for n in lengths], batch=batch):
        assert len(places) <= batch
        found[places] = vectors[:, 0]
    np.testing.assert_array_equal(found, lengths)


def test_texts_of_about_one_length_are_a_batch():
    encoder = Counting()
    list(encode_in_steps(encoder, ["a" * n for n in (9, 1, 5, 3, 7, 2)], batch=2))
    assert sorted(encoder.asked) == [[1, 2], [3, 5], [7, 9]]


def test_who_stops_early_waits_for_few_batches():
    encoder = Counting(0.02)
    steps = encode_in_steps(encoder, ["a"] * 200, batch=1)
    next(steps)
    steps.close()
    assert len(encoder.asked) <= 3 * AT_ONCE


def test_a_failure_reaches_the_caller():
    encoder = Counting()
    encoder.forward = lambda texts: 1 / 0  # type: ignore[method-assign]
    with pytest.raises(ZeroDivisionError):
        list(encode_in_steps(encoder, ["a", "b"], batch=1))


def test_nothing_to_do():
    assert list(encode_in_steps(Counting(), [])) == []
