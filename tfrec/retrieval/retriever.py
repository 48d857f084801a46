"""A trained recall stage as it is asked: scores of the catalogue, filters, the best rows, evidence for ranking."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfrec.data.histories import Histories
from tfrec.data.user_side import Context
from tfrec.retrieval.clustered_index import ClusteredIndex
from tfrec.retrieval.index import LOWEST, ExactIndex, Query, Spread, best
from tfrec.retrieval.index_layout import QUERIES
from tfrec.retrieval.interests import largest, within_quota
from tfrec.retrieval.lookup import marked
from tfrec.retrieval.two_tower import TwoTower

ABOVE_ALL = 1e9  # more than any two scores differ


class Candidates(NamedTuple):
    """What recall found, best first.

    Attributes:
        rows: int32 `[batch, k]`, 0 where nothing was left.
        score: float32 `[batch, k]`, the lowest float there.
    """

    rows: tf.Tensor
    score: tf.Tensor


class Retriever:
    """The two towers, the experts blended with them, and the index over what they say of the items.

    Args:
        model: trained towers; the index is computed from them here.
        added: how many of the last items came after training. They are found as the others are, but what a score means
            beside those of the catalogue was learned without them.

    Attributes:
        trained: rows without the added ones.
        vectors: of the towers alone, float32 `[items, dim]`.
    """

    def __init__(self, model: TwoTower, *, added: int = 0) -> None:
        self.model = model
        self.vectors = model.item_vectors()
        wide = model.blend.candidates(self.vectors, model.candidate.warm.value).numpy()
        self.used = np.flatnonzero(wide.any(0))  # an expert that says nothing of any item costs nothing
        self.index: ExactIndex = ExactIndex.of(wide[:, self.used])
        self.items = self.index.items
        self.trained = self.items - added

    def cluster(self, histories: Histories, *, recall: float, k: int, seed: int = 0) -> None:
        """Makes the index a clustered one.

        Args:
            histories: whose queries it should suit.
            recall: share of the exact `k` best that it finds, on average.
            k: how many are asked for.
            seed: of what is drawn.
        """
        users = np.random.default_rng(seed).permutation(np.flatnonzero(histories.lengths))[:QUERIES]
        history = histories.tail_rows(self.model.query.length)[users]
        queries = self.query(tf.constant(history), tf.constant(users + 1, tf.int32)).vector
        self.index = ClusteredIndex.of(
            self.index.vectors.numpy(),
            queries.numpy(),
            recall=recall,
            k=k,
            counted=self.trained,
            seed=seed,
        )

    def query(self, history: tf.Tensor, user: tf.Tensor, context: Context | None = None) -> Query:
        """What the index is asked for the one interest of a user: arguments as of `by_interest`."""
        blend, wide = self.model.blend, self._wide(self.model.query_vectors(history, user, context), history)
        return Query(wide, *blend.bonus(history)) if blend.neighbours else Query.of(wide)

    def _wide(self, queries: tf.Tensor, history: tf.Tensor) -> tf.Tensor:
        """The towers' queries `[batch, dim]` with those of the other experts beside them, as the index has them."""
        wide = self.model.blend.queries(queries / self.model.temperature, history)
        return tf.gather(wide, self.used, axis=1)

    def scores(self, history: tf.Tensor, user: tf.Tensor, context: Context | None = None) -> tf.Tensor:
        """What the best of a user's interests says: arguments as of `by_interest` → float32 `[batch, items]`."""
        return largest(self.by_interest(history, user, context))

    def by_interest(self, history: tf.Tensor, user: tf.Tensor, context: Context | None = None) -> tf.Tensor:
        """History rows int32 `[batch, length]`, user rows int32 `[batch]` → float32 `[batch, interests, items]`."""
        queries, count = self.model.query_vectors(history, user, context), self.model.query.interests
        if count > 1:
            queries, history = tf.reshape(queries, [-1, queries.shape[-1]]), tf.repeat(history, count, 0)
        scores = self.model.blend.with_co_occurrence(self.index(self._wide(queries, history)), history)
        return tf.reshape(scores, [-1, count, self.items])

    def side_evidence(self, user: tf.Tensor, context: Context | None, rows: tf.Tensor) -> tf.Tensor:
        """What profile and moment alone say of rows int32 `[batch, list]`: float32 `[batch, list, 2]`, 0 = nothing."""
        vectors, nothing = tf.gather(self.vectors, rows), tf.zeros(tf.shape(rows))
        sides = self.model.query.sides(user, context)
        said = [
            nothing if side is None else tf.linalg.matvec(vectors, tf.cast(side, tf.float32))
            for side in sides
        ]
        return tf.stack(said, -1)

    def mask(self, rows: tf.Tensor) -> tf.Tensor:
        """Rows int32 `[batch, n]` (0 = none) that may not come back, as bool `[batch, items]`."""
        return marked(rows, self.items)

    def best(self, scores: tf.Tensor, blocked: tf.Tensor, k: tf.Tensor | int) -> Candidates:
        """The k best rows that are not `blocked`, bool `[batch, items]`.

        Args:
            scores: float32 `[batch, items]`, or `[batch, interests, items]`: then an item's score is that of the
                interest that likes it best, and each interest brings in its share of the k; the room that is left
                where some like the same items is filled by score.
        """
        every = scores if len(scores.shape) == 2 else largest(scores)
        if len(scores.shape) == 2 or scores.shape[1] == 1:
            return Candidates(*best(every, blocked, k))
        chosen, _ = best(tf.where(within_quota(scores, blocked, k), every + ABOVE_ALL, every), blocked, k)
        score = tf.where(chosen > 0, tf.gather(every, chosen, batch_dims=1), LOWEST)
        order = tf.argsort(score, direction="DESCENDING", stable=True)
        return Candidates(*(tf.gather(part, order, batch_dims=1) for part in (chosen, score)))


def evidence(scores: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """`Spread.evidence` of some rows int32 `[batch, list]`, from the scores of all, float32 `[batch, items]`."""
    return Spread.of(scores).evidence(tf.gather(scores, rows, batch_dims=1))
