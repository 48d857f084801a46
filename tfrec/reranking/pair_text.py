"""The text of a pair: the newest titles of the user's history, then the candidate's, as token ids from a table."""

from typing import Any

import keras
import numpy as np
from keras import ops

Tensor = Any


class PairText(keras.layers.Layer):
    """History int32 `[batch, length]` and candidates int32 `[batch, list]`, rows → token ids and segment ids, both
    int32 `[batch · list, tokens]`:

        [CLS] newest title … [SEP] candidate [SEP]

    Every title has a place of fixed width and is padded within it (id 0), so that a pair is made by gathering alone.

    Args:
        table: int `[rows, width]`, the tokens of each row's text without special ones, 0 = none; row 0 is empty.
        marks: ids of [CLS] and [SEP].
        events: newest events of the history that are read.
        event_tokens: of each of them.
    """

    def __init__(
        self,
        table: np.ndarray,
        marks: tuple[int, int],
        *,
        events: int = 3,
        event_tokens: int = 12,
        **kwargs: Any,
    ) -> None:
        super().__init__(trainable=False, **kwargs)
        self.events, self.event_tokens, self.marks = events, event_tokens, marks
        self.table = self.add_weight(
            shape=table.shape, dtype="int32", initializer="zeros", trainable=False, name="table"
        )
        self.table.assign(table.astype(np.int32))
        self.built = True

    @property
    def tokens(self) -> int:
        """Of a pair."""
        return self.events * self.event_tokens + self.table.shape[1] + 3

    def call(self, history: Tensor, candidates: Tensor) -> tuple[Tensor, Tensor]:
        shape = ops.shape(candidates)
        told = ops.take(self.table, newest(history, self.events), axis=0)[..., : self.event_tokens]
        told = ops.reshape(told, [shape[0], 1, self.events * self.event_tokens])
        told = ops.broadcast_to(told, [*shape, self.events * self.event_tokens])
        start, end = (ops.full([*shape, 1], mark, dtype="int32") for mark in self.marks)
        user = ops.concatenate([start, told, end], -1)
        candidate = ops.concatenate([ops.take(self.table, candidates, axis=0), end], -1)
        segments = ops.concatenate([ops.zeros_like(user), ops.ones_like(candidate)], -1)
        tokens = ops.concatenate([user, candidate], -1)
        return ops.reshape(tokens, [-1, self.tokens]), ops.reshape(segments, [-1, self.tokens])


def newest(history: Tensor, count: int) -> Tensor:
    """The last `count` rows of int32 `[batch, length]`, newest first, then zeros."""
    length = ops.sum(ops.cast(history > 0, "int32"), axis=1, keepdims=True)
    place = length - 1 - ops.arange(count, dtype="int32")
    rows = ops.take_along_axis(history, ops.maximum(place, 0), axis=1)
    return ops.where(place >= 0, rows, 0)
