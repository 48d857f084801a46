"""How a candidate meets the history: by attention to the events that it resembles, or by what an LSTM made of them."""

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
class LstmMeeting(keras.layers.Layer):
    """The last state of an LSTM over the history, times the projected candidate, element by element.

    Args:
        units: size of the state and of the projection.
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        # a cuDNN op in the exported graph would fail on a server without a GPU
        self.lstm = keras.layers.LSTM(
            units, return_sequences=True, use_cudnn=False, dtype=self.dtype_policy, name="lstm"
        )
        self.value = keras.layers.Dense(units, use_bias=False, dtype=self.dtype_policy, name="value")

    def build(self, shape: tuple[int | None, ...]) -> None:
        for layer in (self.lstm, self.value):
            layer.build((None, None, shape[-1]))
        self.built = True

    def call(self, candidates: Tensor, events: Tensor, present: Tensor) -> Tensor:
        """`[batch, list, dim]`, `[batch, length, dim]`, bool `[batch, length]` → `[batch, list, units]`."""
        states = self.lstm(events)  # histories are padded at the right, so going forward needs no mask
        count = ops.sum(ops.cast(present, "int32"), axis=1)
        last = ops.take_along_axis(states, ops.maximum(count - 1, 0)[:, None, None], axis=1)
        return ops.where((count == 0)[:, None, None], ops.cast(0, last.dtype), last * self.value(candidates))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


MEETINGS: dict[str, type[Any]] = {"attention": TargetAttention, "lstm": LstmMeeting}
