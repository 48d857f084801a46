"""The history encoders by name: vectors of events in, one vector after every event out, never looking ahead.

All take x `[batch, length, dim]` and present bool `[batch, length]`. Histories begin in column 0 and are padded at the
right, so that going forward in time needs no mask: what a padded event gives is never read.
"""

from typing import Any, Literal

import keras
from keras import ops

from tfrec.retrieval.transformer import TransformerEncoder

Tensor = Any
EncoderName = Literal["transformer", "lstm", "mean"]


@keras.saving.register_keras_serializable(package="tfrec")
class LstmEncoder(keras.layers.Layer):
    """Pre-norm LSTMs one after another, each with a residual (GRU4Rec's idea: Hidasi et al. 2016, arXiv:1511.06939).

    Args:
        blocks: how many.
        dropout: on what each of them adds.
    """

    def __init__(self, *, blocks: int = 2, dropout: float = 0.2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.blocks, self.dropout = blocks, dropout
        self.norms = [keras.layers.LayerNormalization(dtype=self.dtype_policy) for _ in range(blocks)]
        self.drop = keras.layers.Dropout(dropout, dtype=self.dtype_policy)

    def build(self, shape: tuple[Any, ...]) -> None:
        # a cuDNN op in the exported graph would fail on a server without a GPU
        options = {"return_sequences": True, "use_cudnn": False, "dtype": self.dtype_policy}
        self.lstms = [keras.layers.LSTM(shape[-1], **options) for _ in range(self.blocks)]
        for layer in (*self.norms, *self.lstms):
            layer.build(shape)
        self.built = True

    def call(self, x: Tensor, present: Tensor, training: bool = False) -> Tensor:
        """x `[batch, length, dim]` → `[batch, length, dim]`."""
        for norm, lstm in zip(self.norms, self.lstms, strict=True):
            x = x + self.drop(lstm(norm(x)), training=training)
        return x

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "blocks": self.blocks, "dropout": self.dropout}


@keras.saving.register_keras_serializable(package="tfrec")
class MeanEncoder(keras.layers.Layer):
    """The mean of all events so far; nothing to train. Summed in float32: a long history is beyond float16."""

    def call(self, x: Tensor, present: Tensor, training: bool = False) -> Tensor:
        """x `[batch, length, dim]`, present bool `[batch, length]` → `[batch, length, dim]`."""
        there = ops.cast(present, "float32")[..., None]
        total = ops.cumsum(ops.cast(x, "float32") * there, axis=1)
        return ops.cast(total / ops.maximum(ops.cumsum(there, axis=1), 1.0), self.compute_dtype)


def make_encoder(
    name: str, length: int, *, blocks: int, heads: int, dropout: float, dtype: Any = None
) -> keras.layers.Layer:
    """The encoder with this name; what it has no use for is ignored.

    Raises:
        ValueError: for an unknown name.
    """
    if name == "transformer":
        return TransformerEncoder(length, blocks=blocks, heads=heads, dropout=dropout, dtype=dtype)
    if name == "lstm":
        return LstmEncoder(blocks=blocks, dropout=dropout, dtype=dtype)
    if name == "mean":
        return MeanEncoder(dtype=dtype)
    raise ValueError(f"`name` must be 'transformer', 'lstm' or 'mean'. Received: {name!r}")
