"""The user side: what the history says after each of its events, who the user is, and the moment of asking."""

from typing import Any

import keras
from keras import ops

from tfrec.data.user_side import Context
from tfrec.retrieval.content_embedding import ContentEmbedding
from tfrec.retrieval.content_tower import ContentTower
from tfrec.retrieval.history_encoder import make_encoder
from tfrec.retrieval.interests import Interests

Tensor = Any


@keras.saving.register_keras_serializable(package="tfrec")
class QueryTower(keras.layers.Layer):
    """History, user and context → one query vector after every event: `history + user + context`.

    Args:
        length: longest history, in events.
        encoder: "transformer", "lstm" or "mean".
        blocks, heads: size of the encoder.
        dropout: in the input and the encoder.
        user: rows of users (id, profile) → vectors; None = all users are alike.
        context: the moment of what comes next → vector; None = all moments are alike.
        start: whether there is a query before the first event too, learned, so that a user without any event gets an
            answer by profile and context.
        side_dropout: how often training hides the user or the moment, so that a query without them is normal.
        interests: query vectors of a user; with more than one they are an axis of their own, before the last.
    """

    def __init__(
        self,
        length: int,
        *,
        encoder: str = "transformer",
        blocks: int = 2,
        heads: int = 2,
        dropout: float = 0.2,
        user: ContentTower | None = None,
        context: ContentEmbedding | None = None,
        start: bool = False,
        side_dropout: float = 0.1,
        interests: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.length, self.encoder, self.blocks, self.heads = length, encoder, blocks, heads
        self.dropout, self.user, self.context, self.start = dropout, user, context, start
        self.side_dropout, self.interests = side_dropout, interests
        same = {"dtype": self.dtype_policy}
        self.history = make_encoder(encoder, length, blocks=blocks, heads=heads, dropout=dropout, **same)
        self.drop = keras.layers.Dropout(dropout, **same)
        self.normalise = keras.layers.LayerNormalization(**same)
        self.split = Interests(interests, length, **same) if interests > 1 else None
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, shape: tuple[Any, ...]) -> None:
        further = [layer for layer in (self.user, self.context, self.split) if layer is not None]
        for layer in (self.history, self.normalise, *further):
            if not layer.built:
                layer.build(shape)
        if self.start:
            many = (self.interests,) if self.split else ()
            normal = keras.initializers.RandomNormal(stddev=0.05)  # equal interests would stay equal
            self.first = self.add_weight(shape=(*many, shape[-1]), initializer=normal, name="first")
        self.built = True

    def call(
        self,
        x: Tensor,
        present: Tensor,
        user: Tensor | None = None,
        context: Context | None = None,
        training: bool = False,
    ) -> Tensor:
        """The query after every event, and with `start` the one before the first in front of them.

        Args:
            x: `[batch, length, dim]`, vectors of the events.
            present: bool `[batch, length]`, True = an event.
            user: int32 `[batch]`, 0 or None = unknown.
            context: of what comes after each event (with `start`, first of what comes first), `[batch, queries, …]`;
                `[batch, 1, …]` is one moment for all. None = unknown.

        Returns:
            `[batch, queries, dim]`, queries = length, or length + 1 with `start`; `[batch, queries, interests, dim]`
            with many interests.
        """
        x = self.history(self.drop(x, training=training), present=present, training=training)
        x = self.normalise(x)
        if self.split is not None:
            x = self.split(x, present=present)
        if self.start:
            first = ops.cast(self.first, x.dtype)[None, None]
            x = ops.concatenate([ops.repeat(first, ops.shape(x)[0], axis=0), x], axis=1)
        if self.user is not None and user is not None:
            x = x + self._alike(self._hidden(self.user(user[:, None], training=training), training))
        if self.context is not None and context is not None:
            x = x + self._alike(self._hidden(self.context(*context), training))
        return x

    def sides(self, user: Tensor, context: Context | None) -> list[Tensor | None]:
        """What the user, int32 `[batch]`, and the moment add to a query, `[batch, dim]` each; None = nothing known."""
        person = None if self.user is None else self.user(user[:, None])[:, 0]
        moment = None if self.context is None or context is None else self.context(*context)
        return [person, moment]

    def last(self, present: Tensor) -> Tensor:
        """Which query is the newest, int32 `[batch]`, of histories with `present` bool `[batch, length]`."""
        events = ops.sum(ops.cast(present, "int32"), axis=1)
        return events if self.start else ops.maximum(events - 1, 0)

    def knows(self, user: Tensor, context: Context | None) -> Tensor:
        """Whether there is anything to go by without any event, bool `[batch]`: a profile, or the moment's context."""
        known = ops.zeros_like(user, dtype="bool")
        if self.start and self.user is not None:
            known |= self.user.is_described(user)
        if self.start and self.context is not None and context is not None:
            known |= ops.any(ops.not_equal(context.content, 0.0), axis=-1)
            known |= ops.any(ops.not_equal(context.category, 0), axis=-1)
        return known

    def _alike(self, vectors: Tensor) -> Tensor:
        """`[batch, queries, dim]` with an axis for the interests, which all have the same."""
        return vectors if self.split is None else vectors[:, :, None]

    def _hidden(self, vectors: Tensor, training: bool) -> Tensor:
        if not (training and self.side_dropout):
            return vectors
        kept = keras.random.uniform(ops.shape(vectors)[:-1], seed=self.seed_generator) >= self.side_dropout
        return vectors * ops.cast(kept, vectors.dtype)[..., None]

    def get_config(self) -> dict[str, Any]:
        names = ("length", "encoder", "blocks", "heads", "dropout", "start", "side_dropout", "interests")
        sides = {
            name: keras.saving.serialize_keras_object(getattr(self, name)) for name in ("user", "context")
        }
        return {**super().get_config(), **{name: getattr(self, name) for name in names}, **sides}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "QueryTower":
        for name in ("user", "context"):
            config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)
