"""What is known of an item, a user or a moment → one vector: the same structure for all three."""

from typing import Any

import keras
from keras import ops

Tensor = Any


@keras.saving.register_keras_serializable(package="tfrec")
class ContentEmbedding(keras.layers.Layer):
    """`W · content + mean of category embeddings`; what is missing (zeros, category 0) adds nothing.

    Args:
        dim: size of a vector.
        content_dim: columns of the content; 0 = none.
        categories: size of the category vocabulary, 0 = none; category 0 is padding.
    """

    def __init__(self, dim: int, *, content_dim: int = 0, categories: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dim, self.content_dim, self.categories = dim, content_dim, categories

    def build(self, content_shape: Any = None, category_shape: Any = None) -> None:
        if self.content_dim:
            self.projection = keras.layers.Dense(
                self.dim, use_bias=False, dtype=self.dtype_policy, name="projection"
            )
            self.projection.build((None, self.content_dim))
        if self.categories:
            normal = keras.initializers.RandomNormal(stddev=0.05)
            self.category_embedding = self.add_weight(
                shape=(self.categories, self.dim), initializer=normal, name="category_embedding"
            )
        self.built = True

    def call(self, content: Tensor | None, category: Tensor | None) -> Tensor:
        """Content float `[…, content_dim]`, category int `[…, slots]` (None where there is none) → `[…, dim]`."""
        parts = []
        if self.content_dim:
            parts.append(self.projection(content))
        if self.categories:
            present = ops.cast(ops.not_equal(category, 0), self.compute_dtype)[..., None]
            embedded = ops.take(self.category_embedding, category, axis=0) * present
            parts.append(ops.sum(embedded, axis=-2) / ops.maximum(ops.sum(present, axis=-2), 1.0))
        return sum(parts[1:], parts[0])

    def get_config(self) -> dict[str, Any]:
        names = ("dim", "content_dim", "categories")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
