"""The ranker: pair features and target attention over the history → one score for each candidate of a list."""

from typing import Any

import keras
from keras import ops

Tensor = Any


@keras.saving.register_keras_serializable(package="tfrec")
class TargetAttention(keras.layers.Layer):
    """How a candidate meets the history: the events it attends to, multiplied with itself.

    The interest of the user in candidate c is `Σ_h softmax_h(q(c)·k(h)) v(h)` (deep interest network, Zhou et al.
    2018, arXiv:1706.06978, with an inner product for the activation unit); the output is `interest * v(c)`, element
    by element.

    Args:
        units: size of the projected vectors.
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.query, self.key, self.value = (
            keras.layers.Dense(units, use_bias=False, dtype=self.dtype_policy, name=n)
            for n in ("query", "key", "value")
        )

    def build(self, shape: tuple[int | None, ...]) -> None:
        for layer in (self.query, self.key, self.value):
            layer.build(shape)
        self.built = True

    def call(self, candidates: Tensor, events: Tensor, present: Tensor) -> Tensor:
        """`[batch, list, dim]`, `[batch, length, dim]`, bool `[batch, length]` → `[batch, list, units]`."""
        logits = (
            ops.matmul(self.query(candidates), ops.transpose(self.key(events), (0, 2, 1))) * self.units**-0.5
        )
        logits = ops.where(present[:, None, :], logits, ops.cast(-1e4, logits.dtype))
        interest = ops.matmul(ops.softmax(logits), self.value(events))
        empty = ops.logical_not(ops.any(present, axis=1))[:, None, None]
        return ops.where(empty, ops.cast(0, interest.dtype), interest * self.value(candidates))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable(package="tfrec")
class Ranker(keras.Model):
    """Scores a list: a linear part that starts as the retrieval order, and a network that corrects it.

    Inputs: `features` float32 `[batch, list, features]` (see `PairFeatures`, retrieval first), `candidates` int32
    `[batch, list]` and `history` int32 `[batch, length]`. Output: scores float32 `[batch, list]`. Compile it with a
    loss of `tfrec.ranking.losses` and labels `[batch, list]` in which a negative label masks a place.

    Args:
        items, dim: shape of the frozen item vectors of the retrieval stage.
        features: number of pair features.
        units: width of the network and the attention.
        dropout: in the network.
    """

    def __init__(
        self, items: int, dim: int, features: int, *, units: int = 32, dropout: float = 0.2, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.items, self.dim, self.features, self.units, self.dropout = items, dim, features, units, dropout
        self.vectors = self.add_weight(
            shape=(items, dim), initializer="zeros", trainable=False, name="vectors"
        )
        same = {"dtype": self.dtype_policy}
        self.scale = keras.layers.Normalization(name="scale", **same)
        self.attention = TargetAttention(units, **same)
        self.hidden = keras.layers.Dense(units, activation="gelu", name="hidden", **same)
        self.drop = keras.layers.Dropout(dropout, **same)
        # scores stay float32 in mixed precision, as Keras advises for outputs
        self.correction = keras.layers.Dense(
            1, kernel_initializer="zeros", dtype="float32", name="correction"
        )
        self.linear = keras.layers.Dense(
            1, use_bias=False, kernel_initializer=_first_only, dtype="float32", name="linear"
        )
        self.scale.build((None, None, features))
        self.attention.build((None, None, dim))
        self.hidden.build((None, None, features + units))
        self.correction.build((None, None, units))
        self.linear.build((None, None, features))
        self.built = True

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> Tensor:
        features, history = self.scale(inputs["features"]), inputs["history"]
        candidates, events = (
            ops.take(self.vectors, rows, axis=0) for rows in (inputs["candidates"], history)
        )
        meeting = self.attention(candidates, events, present=ops.not_equal(history, 0))
        hidden = self.drop(self.hidden(ops.concatenate([features, meeting], -1)), training=training)
        return ops.squeeze(self.linear(features) + self.correction(hidden), -1)

    def get_config(self) -> dict[str, Any]:
        names = ("items", "dim", "features", "units", "dropout")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="tfrec")
def _first_only(shape: tuple[int, ...], dtype: Any = None, **_: Any) -> Tensor:
    """1 for the first input, 0 for the others: the untrained score is the retrieval score."""
    return ops.cast(ops.concatenate([ops.ones((1, shape[1])), ops.zeros((shape[0] - 1, shape[1]))], 0), dtype)
