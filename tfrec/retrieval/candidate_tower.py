"""The item side: an id embedding beside a projection of what is known of the item (language vector, categories …).

Items are *rows*: catalogue position + 1, row 0 being padding or an unknown item, whose vector is zero.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

Tensor = Any


@keras.saving.register_keras_serializable(package="tfrec")
class CandidateTower(keras.layers.Layer):
    """Item row → vector: `id + W · content + mean of category embeddings`.

    The id part exists only for items with training interactions ("warm"), and is dropped at random in training, so that
    the content part alone learns to place an item that nobody has touched yet.

    Args:
        items: rows of the table, padding row included.
        dim: size of a vector.
        content_dim: columns of the content table; 0 = none.
        categories: size of the category vocabulary, 0 = none; category 0 is padding.
        slots: category ids kept for one item.
        id_dropout: probability that a row's id part is dropped in training.
    """

    def __init__(
        self,
        items: int,
        dim: int,
        *,
        content_dim: int = 0,
        categories: int = 0,
        slots: int = 1,
        id_dropout: float = 0.1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.items, self.dim, self.content_dim = items, dim, content_dim
        self.categories, self.slots, self.id_dropout = categories, slots, id_dropout
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, shape: Any = None) -> None:
        normal = keras.initializers.RandomNormal(stddev=0.05)
        self.id_embedding = self.add_weight(
            shape=(self.items, self.dim), initializer=normal, name="id_embedding"
        )
        self.warm = self.add_weight(shape=(self.items,), initializer="ones", trainable=False, name="warm")
        if self.content_dim:
            shape = (self.items, self.content_dim)
            self.content = self.add_weight(shape=shape, initializer="zeros", trainable=False, name="content")
            self.projection = keras.layers.Dense(
                self.dim, use_bias=False, dtype=self.dtype_policy, name="projection"
            )
            self.projection.build((None, self.content_dim))
        if self.categories:
            shape = (self.items, self.slots)
            self.category = self.add_weight(
                shape=shape, initializer="zeros", dtype="int32", trainable=False, name="category"
            )
            self.category_embedding = self.add_weight(
                shape=(self.categories, self.dim), initializer=normal, name="category_embedding"
            )
        self.built = True

    def set_content(self, *, content: np.ndarray | None, category: np.ndarray | None) -> None:
        """Fill the tables: content float `[items, content_dim]`, category int `[items, slots]`."""
        if self.content_dim:
            self.content.assign(content)
        if self.categories:
            self.category.assign(category)

    def describe(self, content: Tensor | None, category: Tensor | None) -> Tensor:
        """The vector of an item without its id: content `[n, content_dim]`, categories `[n, slots]` → `[n, dim]`."""
        parts = []
        if self.content_dim:
            parts.append(self.projection(content))
        if self.categories:
            present = ops.cast(ops.not_equal(category, 0), self.compute_dtype)[..., None]
            embedded = ops.take(self.category_embedding, category, axis=0) * present
            parts.append(ops.sum(embedded, axis=-2) / ops.maximum(ops.sum(present, axis=-2), 1.0))
        return sum(parts[1:], parts[0])

    def call(self, rows: Tensor, training: bool = False) -> Tensor:
        """Rows int32 `[n]` → vectors `[n, dim]`; row 0 gives zeros."""
        content = ops.take(self.content, rows, axis=0) if self.content_dim else None
        category = ops.take(self.category, rows, axis=0) if self.categories else None
        vectors = self.combine(rows, content, category, training=training)
        return vectors * ops.cast(ops.not_equal(rows, 0), vectors.dtype)[..., None]

    def combine(
        self, rows: Tensor, content: Tensor | None, category: Tensor | None, training: bool = False
    ) -> Tensor:
        """The id part of rows int32 `[n]` (none for row 0 and for items without interactions) and the content part."""
        known = ops.take(self.warm, rows, axis=0)
        if training and self.id_dropout:
            kept = keras.random.uniform(ops.shape(rows), seed=self.seed_generator) >= self.id_dropout
            known *= ops.cast(kept, known.dtype)
        vectors = ops.take(self.id_embedding, rows, axis=0) * known[..., None]
        if self.content_dim or self.categories:
            vectors += self.describe(content, category)
        return vectors

    def get_config(self) -> dict[str, Any]:
        names = ("items", "dim", "content_dim", "categories", "slots", "id_dropout")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
