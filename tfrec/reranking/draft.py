"""The contract of re-ranking: a slate in the making goes into a step, a slate in the making comes out.

Steps are composed in the order of the settings, inside the exported graph. Each answers for every row of a batch on
its own: a request gets the same slate alone and in company.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

ABSENT = tf.float32.min  # score of a place that no candidate was left for


class Relevance(NamedTuple):
    """What the stages before say of the candidates, float32 `[batch, list]` by their place in the list, on any scale.

    Attributes:
        ranking: scores by which the draft was made.
        retrieval: the lowest float for a candidate that recall did not find.
    """

    ranking: tf.Tensor
    retrieval: tf.Tensor


class Wishes(NamedTuple):
    """What a batch of requests wants of its slates.

    Attributes:
        recent: int32 `[batch, length]`, rows of the history, oldest first, 0 = none.
        k: int32 `[batch]`, the length of each slate, from 1. A step looks no further in any row: what a request is
            answered must not hang on the longer slates that others of its batch want.
        liked, disliked, shown: int32 `[batch, n]`, rows of what the session has seen happen, 0 = none.
        diversity, fairness, exploration: float32 `[batch]`, strengths in [0, 1]; NaN counts as 0.
        seed: int64 `[batch]`, what is random hangs on.
        user: int32 `[batch]`, rows, 0 = unknown.
        query_text: string `[batch]`, free text, "" = none.
        relevance: for steps that go by more than the scores of a draft; None = there is nothing more.
    """

    recent: tf.Tensor
    k: tf.Tensor
    liked: tf.Tensor
    disliked: tf.Tensor
    shown: tf.Tensor
    diversity: tf.Tensor
    fairness: tf.Tensor
    exploration: tf.Tensor
    seed: tf.Tensor
    user: tf.Tensor
    query_text: tf.Tensor
    relevance: Relevance = None  # type: ignore[assignment]

    @classmethod
    def of(cls, recent: tf.Tensor, k: tf.Tensor, **named: tf.Tensor) -> "Wishes":
        """With nothing but what is named: no feedback, strengths of 0. k int32 scalar or `[batch]`."""
        batch = tf.shape(recent)[0]
        rows, strength = tf.zeros([batch, 1], tf.int32), tf.zeros([batch])
        nothing = {
            **dict.fromkeys(("liked", "disliked", "shown"), rows),
            **dict.fromkeys(("diversity", "fairness", "exploration"), strength),
            "seed": tf.zeros([batch], tf.int64),
            "user": tf.zeros([batch], tf.int32),
            "query_text": tf.fill([batch], ""),
        }
        return cls(recent, tf.broadcast_to(k, [batch]), **{**nothing, **named})

    @property
    def longest(self) -> tf.Tensor:
        """The longest slate, int32 scalar."""
        return tf.reduce_max(self.k)


class Draft(NamedTuple):
    """All candidates in the order that the slate would have now: its first k are the slate.

    Attributes:
        place: int32 `[batch, list]`, where each stood in the list of candidates.
        rows: int32 `[batch, list]`, places in the catalogue plus 1; 0 = none, and none comes after these.
        score: float32 `[batch, list]`, non-increasing, the lowest float where there is no candidate.
    """

    place: tf.Tensor
    rows: tf.Tensor
    score: tf.Tensor

    @classmethod
    def of(cls, rows: tf.Tensor, relevance: tf.Tensor) -> "Draft":
        """By relevance float32 `[batch, list]` on any scale; scores are the relevance between the lowest, 0, and the
        highest, 1, of a list, so that the strength of a step means the same everywhere."""
        relevance = tf.where(rows > 0, relevance, ABSENT)
        # top_k takes the earlier of equals, and before scaling no two are equal that were not
        relevance, place = tf.math.top_k(relevance, tf.shape(rows)[1])
        rows = tf.gather(rows, place, batch_dims=1)
        return cls(place, rows, tf.where(rows > 0, scaled(relevance, rows > 0), ABSENT))

    @property
    def present(self) -> tf.Tensor:
        """Whether there is a candidate, bool `[batch, list]`."""
        return self.rows > 0

    def reordered(self, order: tf.Tensor) -> "Draft":
        """The candidates in another order, int32 `[batch, list]`; scores stay with the places of the slate."""
        place, rows = (tf.gather(part, order, batch_dims=1) for part in (self.place, self.rows))
        return Draft(place, rows, self.score)

    def led_by(self, chosen: tf.Tensor, k: tf.Tensor) -> "Draft":
        """The first k int32 `[batch]` of `chosen` int32 `[batch, n]`, then the others in the order that they have.

        A place that is named again stays where it was named first.
        """
        batch, width = tf.unstack(tf.shape(chosen))
        chosen = tf.where(tf.range(width) < k[:, None], chosen, chosen[:, :1])
        line = tf.broadcast_to(tf.range(batch)[:, None], [batch, width])
        behind = tf.broadcast_to(width + tf.range(tf.shape(self.rows)[1]), tf.shape(self.rows))
        turn = tf.broadcast_to(tf.range(width), [batch, width])
        return self.reordered(
            tf.argsort(tf.tensor_scatter_nd_min(behind, tf.stack([line, chosen], -1), turn), axis=1)
        )

    def scored(self, head: tf.Tensor, k: tf.Tensor) -> "Draft":
        """With new scores for the first k int32 `[batch]`; no later one is above these.

        Args:
            head: float32 `[batch, n]`, non-increasing.
            k: how many of them count.
        """
        width, length = tf.shape(head)[1], tf.shape(self.score)[1]
        last = tf.gather(head, tf.minimum(k, width) - 1, batch_dims=1)[:, None]
        head = tf.pad(head, [[0, 0], [0, length - width]])
        score = tf.where(tf.range(length) < tf.minimum(k, width)[:, None], head, tf.minimum(self.score, last))
        return self._replace(score=tf.where(self.present, score, ABSENT))

    def rescored(self, score: tf.Tensor) -> "Draft":
        """Sorted by new scores float32 `[batch, list]`."""
        score, order = tf.math.top_k(tf.where(self.present, score, ABSENT), tf.shape(score)[1])
        return self.reordered(order)._replace(score=score)

    def without(self, dropped: tf.Tensor) -> "Draft":
        """The others, those that bool `[batch, list]` marks dropped; each keeps its score."""
        keep = self.present & ~dropped
        order = tf.argsort(tf.where(keep, 0, 1), axis=1, stable=True)
        kept = self._replace(rows=tf.where(keep, self.rows, 0), score=tf.where(keep, self.score, ABSENT))
        return Draft(*(tf.gather(part, order, batch_dims=1) for part in kept))

    def where(self, condition: tf.Tensor, other: "Draft") -> "Draft":
        """This one in the rows of a batch that bool `[batch]` marks, the other elsewhere."""
        return Draft(*(tf.where(condition[:, None], *pair) for pair in zip(self, other, strict=True)))

    def first(self, k: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The slate: places int32 `[batch, k]` (0 where there is none) and scores float32 `[batch, k]`."""
        missing = [[0, 0], [0, tf.maximum(k - tf.shape(self.rows)[1], 0)]]
        place = tf.where(self.present, self.place, 0)[:, :k]
        return tf.pad(place, missing), tf.pad(self.score[:, :k], missing, constant_values=ABSENT)


Step = Callable[[Draft, Wishes], Draft]


def where_asked(strength: tf.Tensor, draft: Draft, change: Callable[[], Draft]) -> Draft:
    """The change in rows with a strength float32 `[batch]` above 0; where there are none, nothing is computed."""
    asked = strength > 0.0
    return tf.cond(tf.reduce_any(asked), lambda: change().where(asked, draft), lambda: draft)


def clipped(strength: tf.Tensor) -> tf.Tensor:
    """A strength in [0, 1], 0 for NaN."""
    return tf.where(tf.math.is_nan(strength), 0.0, tf.clip_by_value(strength, 0.0, 1.0))


def scaled(relevance: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
    """Relevance between the lowest (0) and the highest (1) valid one of its row, 0 where all are equal."""
    low = tf.reduce_min(tf.where(valid, relevance, tf.float32.max), axis=1, keepdims=True)
    high = tf.reduce_max(tf.where(valid, relevance, tf.float32.min), axis=1, keepdims=True)
    return tf.math.divide_no_nan(tf.where(valid, relevance, low) - low, high - low)
