"""The slate model: a small transformer that reads all candidates of a slate and corrects their ranking scores.

Permutation-equivariant, as SetRank (Pang et al. 2020, arXiv:1912.05891) without its ordinal embeddings; a residual of
the scores that came in, as in PRM (Pei et al. 2019, arXiv:1904.06813).
"""

from typing import Any

import keras
from keras import ops

from tfrec.reranking.slate_features import FAR, NAMES, SlateVectors, slate_features

Tensor = Any

WIDEST = 5.0  # standard deviations beyond which a number is taken for no more


@keras.saving.register_keras_serializable(package="tfrec")
class SlateAttention(keras.layers.Layer):
    """A pre-norm block in which every candidate sees all others.

    Args:
        heads: number of heads; must divide the width.
        dropout: of what the block adds.
    """

    def __init__(self, heads: int, *, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads, self.dropout = heads, dropout
        same = {"dtype": self.dtype_policy}
        self.before_attention, self.before_wide = (keras.layers.LayerNormalization(**same) for _ in range(2))
        self.drop = keras.layers.Dropout(dropout, **same)

    def build(self, shape: tuple[Any, ...]) -> None:
        width, same = shape[-1], {"dtype": self.dtype_policy}
        if width % self.heads:
            raise ValueError(f"`heads` must divide the width {width}. Received: heads={self.heads}.")
        self.qkv = keras.layers.Dense(3 * width, name="qkv", **same)
        self.out = keras.layers.Dense(width, name="out", **same)
        self.wide = keras.layers.Dense(2 * width, activation="gelu", name="wide", **same)
        self.narrow = keras.layers.Dense(width, name="narrow", **same)
        for layer in (self.before_attention, self.before_wide, self.qkv, self.out, self.wide):
            layer.build(shape)
        self.narrow.build((*shape[:-1], 2 * width))
        self.built = True

    def call(self, x: Tensor, present: Tensor, training: bool = False) -> Tensor:
        """x `[batch, n, width]`, present bool `[batch, n]` → `[batch, n, width]`."""
        batch, n, width = ops.shape(x)
        size = width // self.heads
        split = ops.reshape(self.qkv(self.before_attention(x)), (batch, n, 3, self.heads, size))
        query, key, value = ops.unstack(ops.transpose(split, (2, 0, 3, 1, 4)), 3)
        logits = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2))) * size**-0.5
        weights = ops.softmax(ops.where(present[:, None, None], logits, FAR))
        seen = ops.reshape(ops.transpose(ops.matmul(weights, value), (0, 2, 1, 3)), (batch, n, width))
        x = x + self.drop(self.out(seen), training=training)
        return x + self.drop(self.narrow(self.wide(self.before_wide(x))), training=training)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "heads": self.heads, "dropout": self.dropout}


@keras.saving.register_keras_serializable(package="tfrec")
class SlateModel(keras.Model):
    """Ranking scores plus a correction that starts as 0 and hangs on the slate as a whole.

    Inputs, a dict as `read_slate` makes it: `ranking` float32 `[batch, n]`, `present` bool `[batch, n]`, `features`
    float32 `[batch, n, features]`. Output: float32 `[batch, n]`. Compile it with a loss whose labels below 0 mask the
    places that are not present; these have no influence on the others. It computes in float32 under any dtype policy:
    it is small, and scores may be the lowest float.

    Args:
        features: how many numbers it reads of a candidate.
        units: width of the transformer.
        blocks, heads: its size; `heads` must divide `units`.
        dropout: in the blocks.
    """

    def __init__(
        self,
        features: int = len(NAMES),
        *,
        units: int = 16,
        blocks: int = 1,
        heads: int = 2,
        dropout: float = 0.2,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.features, self.units, self.blocks = features, units, blocks
        self.heads, self.dropout = heads, dropout
        same: dict[str, Any] = {"dtype": self.dtype_policy}
        nothing: dict[str, Any] = {"use_bias": False, "kernel_initializer": "zeros", **same}
        self.scale = keras.layers.Normalization(name="scale", **same)
        self.linear = keras.layers.Dense(1, name="linear", **nothing)
        self.first = keras.layers.Dense(units, name="first", **same)
        self.attentions = [SlateAttention(heads, dropout=dropout, **same) for _ in range(blocks)]
        self.last_norm = keras.layers.LayerNormalization(**same)
        self.last = keras.layers.Dense(1, name="last", **nothing)
        for layer in (self.scale, self.linear, self.first):
            layer.build((None, None, features))
        for layer in (*self.attentions, self.last_norm, self.last):
            layer.build((None, None, units))
        self.built = True

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> Tensor:
        return inputs["ranking"] + self.correction(inputs, training=training)

    def correction(self, inputs: dict[str, Tensor], *, training: bool = False) -> Tensor:
        """What is added to the ranking scores, float32 `[batch, n]`: of mean 0 in each slate, 0 where not present."""
        present = inputs["present"]
        features = ops.clip(self.scale(inputs["features"]), -WIDEST, WIDEST)
        x = self.first(features)
        for layer in self.attentions:
            x = layer(x, present=present, training=training)
        correction = ops.squeeze(self.linear(features) + self.last(self.last_norm(x)), -1)
        weight = ops.cast(present, correction.dtype)
        count = ops.maximum(ops.sum(weight, 1, keepdims=True), 1.0)
        return weight * (correction - ops.sum(weight * correction, 1, keepdims=True) / count)

    def get_config(self) -> dict[str, Any]:
        names = ("features", "units", "blocks", "heads", "dropout")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def read_slate(
    vectors: SlateVectors, rows: Tensor, history: Tensor, ranking: Tensor, retrieval: Tensor
) -> dict[str, Tensor]:
    """What the model reads of slates; arguments are those of `slate_features`."""
    features = slate_features(vectors, rows, history, ranking, retrieval)
    return {"ranking": ranking, "present": rows > 0, "features": features}
