"""The exact index: all inner products, filters applied before the search, so that k results come back."""

from typing import Any

import keras
import tensorflow as tf

LOWEST = tf.float32.min


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
        self.vectors = self.add_weight(
            shape=(items, dim), initializer="zeros", trainable=False, name="vectors"
        )
        self.built = True

    @classmethod
    def of(cls, vectors: tf.Tensor) -> "ExactIndex":
        """From the vectors of all rows, float32 `[items, dim]`."""
        index = cls(*vectors.shape)
        index.vectors.assign(vectors)
        return index

    def call(self, queries: tf.Tensor) -> tf.Tensor:
        """float32 `[batch, dim]` → inner products with every row, `[batch, items]`."""
        return tf.matmul(queries, self.vectors.value, transpose_b=True)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "items": self.items, "dim": self.dim}


def best(scores: tf.Tensor, blocked: tf.Tensor, k: tf.Tensor | int) -> tuple[tf.Tensor, tf.Tensor]:
    """The k best rows that are not blocked.

    Args:
        scores: float32 `[batch, items]`.
        blocked: bool `[batch, items]`.
        k: how many; more than there are items pads with row 0.

    Returns:
        rows int32 `[batch, k]` (0 where nothing is left) and scores float32 `[batch, k]` (the lowest float there).
    """
    scores = tf.where(blocked, LOWEST, scores)
    top, rows = tf.math.top_k(scores, tf.minimum(k, tf.shape(scores)[1]))
    missing = k - tf.shape(top)[1]
    top = tf.pad(top, [[0, 0], [0, missing]], constant_values=LOWEST)
    rows = tf.pad(rows, [[0, 0], [0, missing]])
    return tf.where(top > LOWEST, rows, 0), top
