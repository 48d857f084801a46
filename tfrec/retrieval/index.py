"""What an index is asked and answers, and the exact one: all scores, filters applied before the best are taken."""

from typing import Any, NamedTuple, Self

import keras
import numpy as np
import tensorflow as tf

from tfrec.retrieval.filters import Filters

LOWEST = tf.float32.min
VARIANCE = 1e-6  # added, so that equal scores have a deviation


class Query(NamedTuple):
    """A batch of queries: the score of a row is its inner product with `vector`, plus its `bonus` if it has one.

    Attributes:
        vector: float32 `[batch, dim]`.
        rows: int32 `[batch, n]`, rows with a bonus; one that stands there twice has both.
        bonus: float32 `[batch, n]`.
    """

    vector: tf.Tensor
    rows: tf.Tensor
    bonus: tf.Tensor

    @classmethod
    def of(cls, vector: tf.Tensor) -> "Query":
        """Without any bonus."""
        batch = tf.shape(vector)[0]
        return cls(vector, tf.zeros([batch, 0], tf.int32), tf.zeros([batch, 0]))

    @property
    def is_plain(self) -> bool:
        """Whether no row has a bonus, as far as the graph knows."""
        return self.rows.shape[1] == 0

    def line(self, i: tf.Tensor) -> "Query":
        """One query, as a batch of one."""
        vector = self.vector[i : i + 1]
        return (
            Query.of(vector) if self.is_plain else Query(vector, self.rows[i : i + 1], self.bonus[i : i + 1])
        )


class Spread(NamedTuple):
    """How the scores of all items are spread, those that may not come back included.

    Attributes:
        partition: float32 `[batch, 1]`, logarithm of the sum of their exponentials.
        mean, deviation: float32 `[batch, 1]`.
    """

    partition: tf.Tensor
    mean: tf.Tensor
    deviation: tf.Tensor

    @classmethod
    def of(cls, scores: tf.Tensor) -> Self:
        """From the scores of all rows, float32 `[batch, items]`; column 0 is padding (it counts where it is alone)."""
        scores = scores if scores.shape[1] == 1 else scores[:, 1:]
        mean, variance = tf.nn.moments(scores, 1, keepdims=True)
        return cls(tf.reduce_logsumexp(scores, 1, keepdims=True), mean, tf.sqrt(variance + VARIANCE))

    def evidence(self, scores: tf.Tensor) -> tf.Tensor:
        """What scores of some rows, float32 `[batch, list]`, say whatever list the rows stand in.

        Returns:
            float32 `[batch, list, 2]`: the log-probability among all items, and the score in standard deviations from
            the mean.
        """
        return tf.stack([scores - self.partition, (scores - self.mean) / self.deviation], -1)


class Answer(NamedTuple):
    """What an index found.

    Attributes:
        rows: int32 `[batch, k]`, best first, 0 where nothing was left.
        score: float32 `[batch, k]`, the lowest float there.
        spread: of all scores.
    """

    rows: tf.Tensor
    score: tf.Tensor
    spread: Spread


@keras.saving.register_keras_serializable(package="tfrec")
class ExactIndex(keras.layers.Layer):
    """The vectors of all items, and the search for the k best that are allowed.

    It is made anew from the towers after loading a model, never stored in a `.keras` file. It computes in float32 under
    any dtype policy: in float16 most of a large catalogue would be ties.

    Args:
        items: rows, padding row 0 included.
        dim: size of a vector.
    """

    def __init__(self, items: int, dim: int, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.items, self.dim = items, dim
        self.vectors = self._table("vectors", (items, dim))
        self.built = True

    def _table(self, name: str, shape: tuple[int, ...], dtype: str = "float32") -> Any:
        return self.add_weight(shape=shape, dtype=dtype, initializer="zeros", trainable=False, name=name)

    @classmethod
    def of(cls, vectors: Any) -> Self:
        """From the vectors of all rows, float32 `[items, dim]`.

        Raises:
            ValueError: a vector is not finite, or there is not even the padding row.
        """
        check_vectors(vectors)
        index = cls(*vectors.shape)
        index.vectors.assign(vectors)
        return index

    def call(self, vector: tf.Tensor) -> tf.Tensor:
        """float32 `[batch, dim]` → inner products with every row, `[batch, items]`."""
        return tf.matmul(vector, self.vectors.value, transpose_b=True)

    def scores(self, query: Query) -> tf.Tensor:
        """Of all rows, float32 `[batch, items]`."""
        products = self(query.vector)
        if query.is_plain:
            return products
        line = tf.range(tf.shape(products)[0])[:, None]
        cells = tf.stack([tf.broadcast_to(line, tf.shape(query.rows)), query.rows], -1)
        return tf.tensor_scatter_nd_add(products, tf.cast(cells, tf.int64), query.bonus)

    def score(self, query: Query, rows: tf.Tensor) -> tf.Tensor:
        """Of some rows int32 `[batch, list]`: float32 `[batch, list]`."""
        products = tf.linalg.matvec(tf.gather(self.vectors.value, rows), query.vector)
        if query.is_plain:
            return products
        return products + summed_at(rows, query.rows, query.bonus[..., None])[..., 0]

    def search(self, query: Query, filters: Filters, k: tf.Tensor | int) -> Answer:
        """The k best rows that are not filtered out."""
        scores = self.scores(query)
        return Answer(*best(scores, filters.blocked(self.items), k), Spread.of(scores))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "items": self.items, "dim": self.dim}


def best(scores: tf.Tensor, blocked: tf.Tensor, k: tf.Tensor | int) -> tuple[tf.Tensor, tf.Tensor]:
    """The k best columns that are not blocked.

    Args:
        scores: float32 `[batch, items]`.
        blocked: bool `[batch, items]`.
        k: how many; more than there are items pads with column 0.

    Returns:
        columns int32 `[batch, k]` (0 where nothing is left) and scores float32 `[batch, k]` (the lowest float there).
    """
    scores = tf.where(blocked, LOWEST, scores)
    top, columns = tf.math.top_k(scores, tf.minimum(k, tf.shape(scores)[1]))
    missing = k - tf.shape(top)[1]
    top = tf.pad(top, [[0, 0], [0, missing]], constant_values=LOWEST)
    columns = tf.pad(columns, [[0, 0], [0, missing]])
    return tf.where(top > LOWEST, columns, 0), top


def summed_at(wanted: tf.Tensor, rows: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """The sums of the values of each wanted row; no table of all items is made.

    Args:
        wanted: int32 `[batch, list]`.
        rows: int32 `[batch, n]`.
        values: float32 `[batch, n, kinds]`.

    Returns:
        float32 `[batch, list, kinds]`.
    """
    order = tf.sort(tf.pad(wanted, [[0, 0], [0, 1]]), 1)  # never empty
    batch, width = tf.unstack(tf.shape(order))
    place = tf.minimum(tf.searchsorted(order, rows), width - 1)
    found = tf.equal(tf.gather(order, place, batch_dims=1), rows)
    values = tf.boolean_mask(values, found)
    cells = tf.boolean_mask(tf.range(batch)[:, None] * width + place, found)
    sums = tf.math.unsorted_segment_sum(values, cells, batch * width)
    sums = tf.reshape(sums, [batch, width, values.shape[-1]])
    return tf.gather(sums, tf.searchsorted(order, wanted), batch_dims=1)


def check_vectors(vectors: Any) -> None:
    """Raises a ValueError unless vectors float32 `[items, dim]` can be searched."""
    if len(vectors.shape) != 2 or not vectors.shape[0]:
        raise ValueError(
            "`vectors` must have the shape [items, dim], with row 0 for padding. "
            f"Received: shape {tuple(vectors.shape)}."
        )
    broken = np.flatnonzero(~np.isfinite(vectors).all(1))
    if len(broken):
        raise ValueError(
            "`vectors` must be finite; look for NaN in the vector columns of the items. "
            f"Received: {len(broken)} rows that are not, the first is row {broken[0]}."
        )
