"""A history encoder: causal self-attention, in which an event sees itself and what came before it.

Pre-norm blocks as in SASRec (Kang & McAuley 2018, arXiv:1808.09781) with a learned bias for the distance between two
events in place of absolute positions, so that a history longer than any seen in training still makes sense.
"""

from typing import Any

import keras
from keras import ops

Tensor = Any


@keras.saving.register_keras_serializable(package="tfrec")
class CausalAttention(keras.layers.Layer):
    """Multi-head self-attention in which an event sees itself and what came before it.

    Args:
        heads: number of heads; must divide the vector size.
        length: longest history, in events.
        dropout: probability of dropping an attention weight.
    """

    def __init__(self, heads: int, length: int, *, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads, self.length, self.dropout = heads, length, dropout
        self.drop = keras.layers.Dropout(dropout, dtype=self.dtype_policy)

    def build(self, shape: tuple[Any, ...]) -> None:
        dim = shape[-1]
        if dim % self.heads:
            raise ValueError(f"`heads` must divide the vector size {dim}. Received: heads={self.heads}.")
        self.qkv = keras.layers.Dense(3 * dim, dtype=self.dtype_policy, name="qkv")
        self.out = keras.layers.Dense(dim, dtype=self.dtype_policy, name="out")
        self.qkv.build(shape)
        self.out.build(shape)
        self.distance = self.add_weight(shape=(self.heads, self.length), initializer="zeros", name="distance")
        self.built = True

    def call(self, x: Tensor, present: Tensor, training: bool = False) -> Tensor:
        """x `[batch, length, dim]`, present bool `[batch, length]` (True = an event) → `[batch, length, dim]`."""
        batch, length, dim = ops.shape(x)
        split = ops.reshape(self.qkv(x), (batch, length, 3, self.heads, dim // self.heads))
        query, key, value = ops.unstack(ops.transpose(split, (2, 0, 3, 1, 4)), 3)
        logits = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2))) * (dim // self.heads) ** -0.5
        step = ops.arange(length)
        gap = step[:, None] - step[None, :]
        bias = ops.take(self.distance, ops.clip(gap, 0, self.length - 1), axis=1)
        seen = ops.logical_and(gap[None, None] >= 0, present[:, None, None, :])
        logits = ops.where(seen, logits + bias, ops.cast(-1e4, logits.dtype))
        weights = self.drop(ops.softmax(logits), training=training)
        return self.out(
            ops.reshape(ops.transpose(ops.matmul(weights, value), (0, 2, 1, 3)), (batch, length, dim))
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "heads": self.heads, "length": self.length, "dropout": self.dropout}


@keras.saving.register_keras_serializable(package="tfrec")
class TransformerBlock(keras.layers.Layer):
    """Pre-norm attention, then a pre-norm feed-forward network of four times the width, each with a residual."""

    def __init__(self, heads: int, length: int, *, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads, self.length, self.dropout = heads, length, dropout
        same = {"dtype": self.dtype_policy}
        self.attention = CausalAttention(heads, length, dropout=dropout, **same)
        self.before_attention, self.before_wide = (keras.layers.LayerNormalization(**same) for _ in range(2))
        self.drop = keras.layers.Dropout(dropout, **same)

    def build(self, shape: tuple[Any, ...]) -> None:
        self.wide = keras.layers.Dense(4 * shape[-1], activation="gelu", dtype=self.dtype_policy, name="wide")
        self.narrow = keras.layers.Dense(shape[-1], dtype=self.dtype_policy, name="narrow")
        for layer in (self.attention, self.before_attention, self.before_wide, self.wide):
            layer.build(shape)
        self.narrow.build((*shape[:-1], 4 * shape[-1]))
        self.built = True

    def call(self, x: Tensor, present: Tensor, training: bool = False) -> Tensor:
        x = x + self.drop(
            self.attention(self.before_attention(x), present=present, training=training), training=training
        )
        return x + self.drop(self.narrow(self.wide(self.before_wide(x))), training=training)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "heads": self.heads, "length": self.length, "dropout": self.dropout}


@keras.saving.register_keras_serializable(package="tfrec")
class TransformerEncoder(keras.layers.Layer):
    """Blocks one after another: what an event means, given all events before it.

    Args:
        length: longest history, in events.
        blocks, heads: size; `heads` must divide the vector size.
        dropout: in the blocks.
    """

    def __init__(
        self, length: int, *, blocks: int = 2, heads: int = 2, dropout: float = 0.2, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.length, self.blocks, self.heads, self.dropout = length, blocks, heads, dropout
        self.layers = [
            TransformerBlock(heads, length, dropout=dropout, dtype=self.dtype_policy) for _ in range(blocks)
        ]

    def build(self, shape: tuple[Any, ...]) -> None:
        for layer in self.layers:
            layer.build(shape)
        self.built = True

    def call(self, x: Tensor, present: Tensor, training: bool = False) -> Tensor:
        """x `[batch, length, dim]`, present bool `[batch, length]` → `[batch, length, dim]`."""
        for layer in self.layers:
            x = layer(x, present=present, training=training)
        return x

    def get_config(self) -> dict[str, Any]:
        names = ("length", "blocks", "heads", "dropout")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
