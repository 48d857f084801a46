"""A language model as a step of re-ranking: it reads as many of the first candidates as there is time for."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import tensorflow as tf

from tfrec.reranking.draft import Draft, Wishes, where_asked
from tfrec.reranking.slate_step import ends


class Reader(Protocol):
    """What says of candidates how well they go with a user, by language.

    Both methods read `history` int32 `[batch, length]`, rows oldest first; `user` int32 `[batch]`, rows, 0 = unknown;
    and `text` int32 `[batch, tokens]`, the tokens of a free text, 0 = none, where the step has them.
    """

    def __call__(self, inputs: Mapping[str, Any]) -> Any:
        """Scores float32 `[batch, list]` of `candidates` int32 `[batch, list]` on the scale of logits."""

    def told(self, inputs: Mapping[str, Any]) -> Any:
        """Whether anything is known of the user, bool `[batch]`."""


class LanguageReading:
    """Orders the first candidates by their score and what a language model says of each; the others stay behind them.

    Its word is added in the units of the draft's scores, which stay with the places. A user of whom nothing is known
    keeps the order: there is nothing to read.

    Args:
        model: reads user and candidate together.
        gain: what its score is worth beside a ranking score.
        pairs: how many candidates it reads, from 2.
        tokens: free texts string `[batch]` → their tokens int32 `[batch, tokens]`; None = it reads none.
    """

    def __init__(
        self,
        model: Reader,
        gain: float,
        pairs: int,
        tokens: Callable[[tf.Tensor], tf.Tensor] | None = None,
    ) -> None:
        self.model, self.gain, self.pairs, self.tokens = model, gain, pairs, tokens

    def __call__(self, draft: Draft, wishes: Wishes) -> Draft:
        inputs = {"history": wishes.recent, "user": wishes.user}
        if self.tokens is not None:
            text = self.tokens(wishes.query_text)
            inputs["text"] = text[:, : _longest(text)]
        told = tf.cast(self.model.told(inputs), tf.float32)
        return where_asked(told, draft, lambda: self._read(draft, wishes, inputs))

    def _read(self, draft: Draft, wishes: Wishes, inputs: Mapping[str, tf.Tensor]) -> Draft:
        rows, score = draft.rows[:, : self.pairs], draft.score[:, : self.pairs]
        said = self.model({**inputs, "candidates": rows})
        ranking = tf.gather(wishes.relevance.ranking, draft.place, batch_dims=1)
        low, high = ends(ranking, draft.present)
        worth = tf.math.divide_no_nan(self.gain * said, high - low)
        order = tf.argsort(score + worth, axis=1, direction="DESCENDING", stable=True)
        behind = tf.range(tf.shape(rows)[1], tf.shape(draft.rows)[1])
        behind = tf.broadcast_to(behind, [tf.shape(rows)[0], tf.size(behind)])
        return draft.reordered(tf.concat([order, behind], 1))


def _longest(tokens: tf.Tensor) -> tf.Tensor:
    """How many columns of tokens int32 `[batch, n]` hold any."""
    return tf.reduce_max(tf.math.count_nonzero(tokens, 1, dtype=tf.int32))
