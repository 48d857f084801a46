"""A table of items or users as vectors: an id embedding beside what is known of the row.

A *row* is a position + 1; row 0 is padding or unknown, and its vector is zero.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from tfrec.retrieval.content_embedding import ContentEmbedding

Tensor = Any


@keras.saving.register_keras_serializable(package="tfrec")
class ContentTower(keras.layers.Layer):
    """Row → vector: `id + W · content + mean of category embeddings`.

    The id part exists only for rows with training interactions ("warm"), and is dropped at random in training, so that
    the content part alone learns to place a row that nothing has happened to yet.

    Args:
        rows: size of the table, row 0 included.
        dim: size of a vector.
        ids: whether there is an id part.
        content_dim: columns of the content table; 0 = none.
        categories: size of the category vocabulary, 0 = none; category 0 is padding.
        slots: category ids kept for one row.
        id_dropout: probability that a row's id part is dropped in training.

    Raises:
        ValueError: when there is neither an id part nor content nor a category.
    """

    def __init__(
        self,
        rows: int,
        dim: int,
        *,
        ids: bool = True,
        content_dim: int = 0,
        categories: int = 0,
        slots: int = 1,
        id_dropout: float = 0.1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not (ids or content_dim or categories):
            raise ValueError("a row needs `ids`, `content_dim` or `categories`. Received: none of them.")
        self.rows, self.dim, self.ids, self.content_dim = rows, dim, ids, content_dim
        self.categories, self.slots, self.id_dropout = categories, slots, id_dropout
        self.seed_generator = keras.random.SeedGenerator()
        self.embed = ContentEmbedding(
            dim, content_dim=content_dim, categories=categories, dtype=self.dtype_policy
        )

    @property
    def has_content(self) -> bool:
        """Whether anything but the id is known of a row."""
        return bool(self.content_dim or self.categories)

    def build(self, shape: Any = None) -> None:
        if self.ids:
            normal = keras.initializers.RandomNormal(stddev=0.05)
            self.id_embedding = self.add_weight(
                shape=(self.rows, self.dim), initializer=normal, name="id_embedding"
            )
            self.warm = self._table("warm", (self.rows,), "float32", "ones")
        if self.content_dim:
            self.content = self._table("content", (self.rows, self.content_dim))
        if self.categories:
            self.category = self._table("category", (self.rows, self.slots), "int32")
        self.embed.build()
        self.built = True

    def _table(self, name: str, shape: tuple[int, ...], dtype: str = "float32", fill: str = "zeros") -> Any:
        return self.add_weight(shape=shape, dtype=dtype, initializer=fill, trainable=False, name=name)

    def set_content(self, *, content: np.ndarray | None, category: np.ndarray | None) -> None:
        """Fill the tables: content float `[rows, content_dim]`, category int `[rows, slots]`."""
        if self.content_dim:
            self.content.assign(content)
        if self.categories:
            self.category.assign(category)

    def set_warm(self, warm: np.ndarray) -> None:
        """Say which rows have an id part, bool `[rows]`."""
        if self.ids:
            self.warm.assign(warm.astype("float32"))

    def describe(self, content: Tensor | None, category: Tensor | None) -> Tensor:
        """The vector of a row without its id: content `[n, content_dim]`, categories `[n, slots]` → `[n, dim]`."""
        return self.embed(content, category)

    def is_described(self, rows: Tensor) -> Tensor:
        """Whether anything is known of rows int32 `[n]` beside the id, bool `[n]`."""
        known = ops.zeros_like(rows, dtype="bool")
        if self.content_dim:
            known |= ops.any(ops.not_equal(ops.take(self.content, rows, axis=0), 0.0), axis=-1)
        if self.categories:
            known |= ops.any(ops.not_equal(ops.take(self.category, rows, axis=0), 0), axis=-1)
        return known

    def call(self, rows: Tensor, training: bool = False) -> Tensor:
        """Rows int32 `[n]` → vectors `[n, dim]`; row 0 gives zeros."""
        content = ops.take(self.content, rows, axis=0) if self.content_dim else None
        category = ops.take(self.category, rows, axis=0) if self.categories else None
        vectors = self.combine(rows, content, category, training=training)
        return vectors * ops.cast(ops.not_equal(rows, 0), vectors.dtype)[..., None]

    def combine(
        self, rows: Tensor, content: Tensor | None, category: Tensor | None, training: bool = False
    ) -> Tensor:
        """The id part of rows int32 `[n]` (none for row 0 and for rows that are not warm) and the content part."""
        parts = [self._id_part(rows, training)] if self.ids else []
        if self.has_content:
            parts.append(self.describe(content, category))
        return sum(parts[1:], parts[0])

    def _id_part(self, rows: Tensor, training: bool) -> Tensor:
        known = ops.take(self.warm, rows, axis=0)
        if training and self.id_dropout:
            kept = keras.random.uniform(ops.shape(rows), seed=self.seed_generator) >= self.id_dropout
            known *= ops.cast(kept, known.dtype)
        return ops.take(self.id_embedding, rows, axis=0) * known[..., None]

    def get_config(self) -> dict[str, Any]:
        names = ("rows", "dim", "ids", "content_dim", "categories", "slots", "id_dropout")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
