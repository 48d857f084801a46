"""The user side: what the history says after each of its events, and the user's own embedding."""

from typing import Any

import keras
from keras import ops

from tfrec.retrieval.history_encoder import make_encoder

Tensor = Any


@keras.saving.register_keras_serializable(package="tfrec")
class QueryTower(keras.layers.Layer):
    """History vectors and a user row → one query vector after every event.

    Args:
        users: rows of the user table, row 0 (nobody in particular) included; 0 = no user embedding.
        length: longest history, in events.
        encoder: "transformer", "lstm" or "mean".
        blocks, heads: size of the encoder.
        dropout: in the input, the encoder and on the user embedding.
    """

    def __init__(
        self,
        users: int,
        length: int,
        *,
        encoder: str = "transformer",
        blocks: int = 2,
        heads: int = 2,
        dropout: float = 0.2,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.users, self.length, self.encoder = users, length, encoder
        self.blocks, self.heads, self.dropout = blocks, heads, dropout
        same = {"dtype": self.dtype_policy}
        self.history = make_encoder(encoder, length, blocks=blocks, heads=heads, dropout=dropout, **same)
        self.drop = keras.layers.Dropout(dropout, **same)
        self.normalise = keras.layers.LayerNormalization(**same)
        self.user_drop = keras.layers.Dropout(0.5, noise_shape=(None, 1), **same)

    def build(self, shape: tuple[Any, ...]) -> None:
        for layer in (self.history, self.normalise):
            layer.build(shape)
        if self.users:
            self.user_embedding = self.add_weight(
                shape=(self.users, shape[-1]), initializer="zeros", name="user_embedding"
            )
        self.built = True

    def call(self, x: Tensor, present: Tensor, user: Tensor | None = None, training: bool = False) -> Tensor:
        """x `[batch, length, dim]`, present bool `[batch, length]`, user int32 `[batch]` → `[batch, length, dim]`."""
        x = self.history(self.drop(x, training=training), present=present, training=training)
        x = self.normalise(x)
        if self.users:
            own = self.user_drop(ops.take(self.user_embedding, user, axis=0), training=training)
            x = x + own[:, None, :]
        return x

    def get_config(self) -> dict[str, Any]:
        names = ("users", "length", "encoder", "blocks", "heads", "dropout")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
