"""Recall's fixed experts beside the two towers: likeness of content and co-occurrence, blended by fitted gains.

A score is log-linear in the experts, and all but co-occurrence are inner products, so that a user stays one query
vector and an item one candidate vector, now wider. `tfrec.retrieval.gains` finds the gains.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfrec.data.histories import Histories
from tfrec.retrieval.co_occurrence import neighbours
from tfrec.retrieval.content_space import ContentSpace

DECAY = 0.8  # weight of an event relative to the next newer one
NEAREST, BLOCK = 10, 1024
EXPERTS = ("behaviour", "content", "co_occurrence")
COLD_EXPERTS = ("behaviour", "content", "constant")


@keras.saving.register_keras_serializable(package="tfrec")
class Blend(keras.layers.Layer):
    """Gains and tables of the experts; untouched, it gives what the two towers say.

    For an item i with training interactions (*warm*) and a history h_1 … h_n, oldest first, with w_j = DECAY^(n - j):

        score = g_b ⟨q, c_i⟩ + g_t Σ_j w_j ⟨t_{h_j}, t_i⟩ / Σ_j w_j + g_c Σ_j w_j cos(h_j, i)

    with q, c_i of the two towers, t content vectors (language and other vectors in a `ContentSpace`, beside the words
    of a `LexicalSpace`), cos the likeness by co-occurrence (item-kNN). An item without interactions has gains
    of its own, `k_b ⟨q, c_i⟩ + k_t Σ_j w_j ⟨t_{h_j}, t_i⟩ / Σ_j w_j + k_0`, and c_i is the mean of its `NEAREST` warm
    items by content, weighted by their squared likeness: what language says of a new item is read through the behaviour
    towards what resembles it.

    Computed in float32 under any dtype policy, as an index is.

    Args:
        items: rows, padding row 0 included.
        width: of the vectors that the content space is made of, 0 = none.
        content_dim: width of the content space.
        lexical_dim: width of the words' vectors, 0 = none.
        neighbours: co-occurring items kept for each item, 0 = none.
        distance_discount, shrinkage: of the cosines, which are those of `tfrec.retrieval.co_occurrence`.
    """

    def __init__(
        self,
        items: int,
        *,
        width: int = 0,
        content_dim: int = 0,
        lexical_dim: int = 0,
        neighbours: int = 0,
        distance_discount: float = 0.5,
        shrinkage: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.items, self.width = items, width
        self.neighbours, self.distance_discount, self.shrinkage = neighbours, distance_discount, shrinkage
        self.content_dim, self.lexical_dim = content_dim, lexical_dim
        self.mean = self._table("mean", (width,))
        self.projection = self._table("projection", (width, content_dim))
        self.content = self._table("content", (items, content_dim + lexical_dim))
        self.cosine = self._table("cosine", (items, neighbours))
        self.neighbour = self._table("neighbour", (items, neighbours), dtype="int32")
        self.gains = self._table("gains", (len(EXPERTS),))
        self.cold_gains = self._table("cold_gains", (len(COLD_EXPERTS),))
        self.set_gains([1.0, 0.0, 0.0], [1.0, 0.0, 0.0])
        self.built = True

    def _table(self, name: str, shape: tuple[int, ...], *, dtype: str = "float32") -> Any:
        return self.add_weight(shape=shape, dtype=dtype, initializer="zeros", trainable=False, name=name)

    def set_gains(self, gains: Any, cold_gains: Any) -> None:
        """Gains of `EXPERTS` for warm items and of `COLD_EXPERTS` for the others."""
        self.gains.assign(gains)
        self.cold_gains.assign(cold_gains)

    def learn_content(self, vectors: np.ndarray, lexical: np.ndarray) -> None:
        """Learns the content space from the vectors of all rows, and places them; arguments as in `place`."""
        if self.content_dim:
            space = ContentSpace.learn(vectors[1:], self.content_dim)
            self.mean.assign(space.mean)
            self.projection.assign(space.projection)
        self.content.assign(self.place(vectors, lexical))

    def place(self, vectors: np.ndarray, lexical: np.ndarray) -> np.ndarray:
        """Where items stand by their content, also those that come later.

        Args:
            vectors: float32 `[n, width]`.
            lexical: float32 `[n, lexical_dim]`.

        Returns:
            float32 `[n, content_dim + lexical_dim]`.
        """
        if not self.content_dim:
            return lexical
        return np.concatenate([ContentSpace(self.mean.numpy(), self.projection.numpy())(vectors), lexical], 1)

    def count(self, histories: Histories, items: int, kept: int) -> tuple[np.ndarray, np.ndarray]:
        """The co-occurrence of items in histories, as this layer counts it; as `neighbours` gives it."""
        settings = {"distance_discount": self.distance_discount, "shrinkage": self.shrinkage}
        return neighbours(histories, items, kept, **settings)

    def set_neighbours(self, rows: np.ndarray, cosines: np.ndarray) -> None:
        """What `count` gives, both `[items, neighbours]`."""
        self.neighbour.assign(rows)
        self.cosine.assign(cosines)

    def pooled(self, history: tf.Tensor) -> tf.Tensor:
        """The mean content vector of rows int32 `[batch, length]`, newest weighing most: `[batch, content]`."""
        weight = recency(history)[..., None]
        vectors = tf.gather(self.content.value, history)
        return tf.reduce_sum(vectors * weight, 1) / tf.maximum(tf.reduce_sum(weight, 1), 1e-6)

    def queries(self, queries: tf.Tensor, history: tf.Tensor) -> tf.Tensor:
        """Query vectors float32 `[batch, dim]` of the towers → `[batch, dim + content + 1]`."""
        return tf.concat([queries, self.pooled(history), tf.ones([tf.shape(queries)[0], 1])], 1)

    def candidates(self, candidates: tf.Tensor, warm: tf.Tensor) -> tf.Tensor:
        """Candidate vectors float32 `[items, dim]`, warm 0 or 1 `[items]` → `[items, dim + content + 1]`."""
        cold = tf.cast(tf.where(warm == 0)[:, 0], tf.int32)
        if self.content.shape[1]:
            candidates = tf.tensor_scatter_nd_update(
                candidates, cold[:, None], self.inherited(candidates, warm, cold)
            )
        warm = warm[:, None]
        behaviour, content, constant = (
            warm * gain + (1 - warm) * cold_gain
            for gain, cold_gain in zip(
                [*tf.unstack(self.gains)[:2], 0.0], tf.unstack(self.cold_gains), strict=True
            )
        )
        return tf.concat([candidates * behaviour, self.content.value * content, constant], 1)

    def inherited(self, candidates: tf.Tensor, warm: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
        """Vectors of rows int32 `[n]` if they had no interactions: `[n, dim]`; arguments as in `candidates`."""
        known = tf.cast(tf.where(warm > 0)[:, 0], tf.int32)
        content, of_known = self.content.value, tf.gather(self.content.value, known)
        blocks = [tf.zeros([0, candidates.shape[1]])]
        for first in range(0, len(rows), BLOCK):
            part = rows[first : first + BLOCK]
            likeness = tf.matmul(tf.gather(content, part), of_known, transpose_b=True)
            likeness = tf.where(part[:, None] == known, 0.0, likeness)
            likeness, near = tf.math.top_k(likeness, min(NEAREST, len(known)))
            weight = tf.maximum(likeness, 0.0) ** 2
            weight /= tf.maximum(tf.reduce_sum(weight, 1, keepdims=True), 1e-9)
            blocks.append(tf.einsum("nk,nkd->nd", weight, tf.gather(candidates, tf.gather(known, near))))
        return tf.concat(blocks, 0)

    def bonus(self, history: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The co-occurrence part for rows int32 `[batch, length]`: the rows that have any, int32 `[batch, n]`, and how
        much, float32 `[batch, n]`; a row that stands there twice has both."""
        value = self.gains[2] * recency(history)[..., None] * tf.gather(self.cosine.value, history)
        shape = [tf.shape(history)[0], tf.shape(history)[1] * self.neighbours]
        return tf.reshape(tf.gather(self.neighbour.value, history), shape), tf.reshape(value, shape)

    def with_co_occurrence(self, scores: tf.Tensor, history: tf.Tensor) -> tf.Tensor:
        """Scores of all rows float32 `[batch, items]` plus the co-occurrence part for rows int32 `[batch, length]`."""
        return scores + self.gains[2] * self.co_occurrence(history) if self.neighbours else scores

    def co_occurrence(self, history: tf.Tensor) -> tf.Tensor:
        """Item-kNN scores of all rows, not yet times their gain: int32 `[batch, length]` → float32 `[batch, items]`."""
        return summed_neighbours(
            recency(history),
            tf.gather(self.neighbour.value, history),
            tf.gather(self.cosine.value, history),
            self.items,
        )

    def get_config(self) -> dict[str, Any]:
        names = (
            "items",
            "width",
            "content_dim",
            "lexical_dim",
            "neighbours",
            "distance_discount",
            "shrinkage",
        )
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def recency(history: tf.Tensor) -> tf.Tensor:
    """`DECAY` to the number of later events, for rows int32 `[batch, length]`; 0 for padding."""
    present = tf.cast(history > 0, tf.float32)
    return present * DECAY ** (tf.reduce_sum(present, 1, keepdims=True) - tf.cumsum(present, 1))


def summed_neighbours(weight: tf.Tensor, rows: tf.Tensor, cosines: tf.Tensor, items: int) -> tf.Tensor:
    """Item-kNN scores: the cosines of each event's neighbours times its weight, added up by item.

    Args:
        weight: float32 `[batch, length]`.
        rows, cosines: `[batch, length, neighbours]`.
        items: width of the answer.

    Returns:
        float32 `[batch, items]`.
    """
    batch = tf.shape(rows, tf.int64)[0]
    cells = tf.range(batch)[:, None, None] * items + tf.cast(rows, tf.int64)
    values = tf.reshape(cosines * weight[..., None], [-1])
    total = tf.math.unsorted_segment_sum(values, tf.reshape(cells, [-1]), batch * items)
    return tf.reshape(total, [batch, items])
