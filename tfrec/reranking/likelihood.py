"""How likely a candidate's title is behind what is known of the user, as a generative language model says."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from tfrec.reranking.pair_text import newest
from tfrec.retrieval.lookup import compact
from tfrec.text.generative import SEPARATOR, GenerativeModel

LIKED, SOUGHT, NEXT = "Liked, the newest first:", "Looking for:", "Liked next:"
LEAST = -1e4  # of what has no title, or is no candidate
AT_ONCE = 1024  # titles


class Likelihood(keras.Model):
    """Inputs: `history` int32 `[batch, length]`, rows oldest first, `candidates` int32 `[batch, list]` and `text` int32
    `[batch, tokens]`. Output: mean log-probability of each candidate's title, float32 `[batch, list]`, in nats a token:

        Liked, the newest first: title; title; … Looking for: free text; Liked next: → candidate

    What is not known is not said. The text has no gaps: a model that counts places reads it as any other.

    Args:
        language_model: reads.
        titles: of every item.
        events: newest events of the history that are read.
        tokens: of each title.
        text_tokens: of a free text.
    """

    def __init__(
        self,
        language_model: GenerativeModel,
        titles: Sequence[str],
        *,
        events: int = 5,
        tokens: int = 16,
        text_tokens: int = 16,
    ) -> None:
        super().__init__(trainable=False, name="likelihood")
        self.language_model, self.events, self.text_tokens = language_model, events, text_tokens
        table = np.zeros((len(titles) + 1, tokens), np.int32)
        for first in range(0, len(titles), AT_ONCE):
            part = titles[first : first + AT_ONCE]
            table[first + 1 : first + 1 + len(part)] = language_model.pieces(tf.constant(part), tokens)
        self.table = self.add_weight(
            shape=table.shape, dtype="int32", initializer="zeros", trainable=False, name="table"
        )
        self.table.assign(table)
        self.marks = {mark: self._tokens_of(mark) for mark in (LIKED, SOUGHT, NEXT)}
        self.end = self._tokens_of("a" + SEPARATOR)[len(self._tokens_of("a")) :]  # no space before it
        self.built = True

    def call(self, inputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
        candidates, prompt = inputs["candidates"], self.prompt(inputs["history"], inputs["text"])
        shape, width = tf.shape(candidates), self.table.shape[1]
        titles = tf.reshape(tf.gather(self.table.value, candidates), [-1, width])
        prompts = tf.repeat(prompt, shape[1], 0)
        pairs = compact(tf.concat([prompts, titles], 1), tf.shape(prompt)[1] + width)
        first = tf.math.count_nonzero(prompts, 1, dtype=tf.int32)
        said = self.language_model.log_likelihood(pairs, first, width)
        return tf.reshape(tf.where(titles[:, 0] > 0, said, LEAST), shape)

    def told(self, inputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Whether there is a history or a free text, bool `[batch]`."""
        return tf.reduce_any(inputs["history"] > 0, 1) | tf.reduce_any(inputs["text"] > 0, 1)

    def tokens(self, texts: tf.Tensor) -> tf.Tensor:
        """Of free texts string `[batch]`: int32 `[batch, text_tokens]`."""
        return self.language_model.pieces(texts, self.text_tokens)

    def prompt(self, history: tf.Tensor, text: tf.Tensor) -> tf.Tensor:
        """What stands before a candidate, int32 `[batch, longest]`, from column 0 on, then zeros."""
        rows = newest(history, self.events)
        liked = self._closed(tf.gather(self.table.value, rows))
        has_liked, has_text = rows[:, 0] > 0, tf.reduce_any(text > 0, 1)
        parts = [
            _where(tf.ones_like(has_text), self.language_model.start),
            _where(has_liked, self.marks[LIKED]),
            tf.reshape(liked, [tf.shape(rows)[0], self.events * liked.shape[2]]),
            _where(has_text, self.marks[SOUGHT]),
            self._closed(text),
            _where(tf.ones_like(has_text), self.marks[NEXT]),
        ]
        whole = tf.concat(parts, 1)
        longest = tf.reduce_max(tf.math.count_nonzero(whole, 1, dtype=tf.int32))
        return compact(whole, longest)

    def _closed(self, texts: tf.Tensor) -> tf.Tensor:
        """Tokens int32 `[…, n]` with a separator behind them, where there are any."""
        some = tf.reduce_any(texts > 0, -1, keepdims=True)
        return tf.concat([texts, tf.where(some, tf.constant(self.end), 0)], -1)

    def _tokens_of(self, text: str) -> list[int]:
        found = self.language_model.pieces(tf.constant([text]), 2 * len(text))[0].numpy()
        return [int(token) for token in found if token]


def _where(told: tf.Tensor, tokens: Sequence[int]) -> tf.Tensor:
    """The tokens int32 `[batch, n]` in the rows that bool `[batch]` marks, 0 elsewhere."""
    return tf.where(told[:, None], tf.constant(tokens, tf.int32, [1, len(tokens)]), 0)
