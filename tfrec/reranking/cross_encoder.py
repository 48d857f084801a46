"""A language model that reads a user and a candidate together, as one text, and says how well they go together.

It is written with Keras operations alone: trained under any backend, exported under TensorFlow.
"""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from tfrec.reranking.pair_text import PairText
from tfrec.text.bert import hidden_states

Tensor = Any


@keras.saving.register_keras_serializable("tfrec")
class CrossEncoder(keras.Model):
    """Inputs: `history` int32 `[batch, length]`, rows oldest first, `candidates` int32 `[batch, list]`, `user` int32
    `[batch]`, and perhaps `text` int32 `[batch, n]`, tokens of a free text. Output: logits float32 `[batch, list]`, the
    lowest where there is no candidate.

    As in monoBERT (Nogueira & Cho 2019, arXiv:1901.04085) every token of one side attends to those of the other. The
    score is read from the means u of the user's tokens and c of the candidate's as the last layer leaves them: a
    perceptron over u, c and u ⊙ c, whose last layer starts at zero, and their cosine. So training starts from what a
    sentence encoder knows already: that alike texts go together.

    Args:
        backbone: a KerasHub encoder whose inputs are `token_ids`, `segment_ids` and `padding_mask`.
        text: turns rows into tokens.
        units: width of the perceptron.
        dropout: of the perceptron.
        tokenizer: of free texts; held for whoever exports the model.

    Raises:
        ValueError: the backbone has not these inputs.
    """

    def __init__(
        self,
        backbone: Any,
        text: PairText,
        *,
        units: int = 128,
        dropout: float = 0.1,
        tokenizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        missing = {"token_ids", "segment_ids", "padding_mask"} - {*backbone.input}
        if missing:
            raise ValueError(
                f"`backbone` must tell two texts apart, as BERT does. Received: one without the input "
                f"{', '.join(sorted(missing))}. Set reading.milliseconds=0, or another text.encoder."
            )
        self.backbone, self.text, self.tokenizer = backbone, text, tokenizer
        if hasattr(backbone, "pooled_dense"):
            backbone.pooled_dense.trainable = False  # BERT's own pooler is not on the way to the output
        self.hidden = keras.layers.Dense(units, activation="gelu", name="hidden")
        self.drop = keras.layers.Dropout(dropout)
        self.head = keras.layers.Dense(1, kernel_initializer="zeros", dtype="float32", name="head")
        self.likeness = self.add_weight(
            shape=(), initializer=keras.initializers.Constant(5.0), name="likeness"
        )
        self.supports_jit = False  # Keras has none beside determinism, which is the default of a run
        self.hidden.build((None, 3 * backbone.hidden_dim))
        self.head.build((None, units))
        self.built = True

    def call(self, inputs: Mapping[str, Tensor], training: bool = False) -> Tensor:
        candidates = inputs["candidates"]
        pairs = self.text(inputs)
        logits = ops.reshape(self.score(*pairs, training=training), ops.shape(candidates))
        return ops.where(candidates > 0, logits, -1e4)

    def told(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Whether anything is known of the user, bool `[batch]`."""
        return self.text.told(inputs)

    def score(self, token_ids: Tensor, segment_ids: Tensor, *, training: bool = False) -> Tensor:
        """Logits float32 `[pairs]` of token and segment ids int32 `[pairs, tokens]`; token 0 is padding."""
        present = ops.cast(token_ids != 0, "int32")
        read = {"token_ids": token_ids, "segment_ids": segment_ids, "padding_mask": present}
        states = ops.cast(hidden_states(self.backbone, read, training=training), "float32")
        user, candidate = (
            _mean(states, ops.cast(present * ops.cast(segment_ids == side, "int32"), "float32"))
            for side in (0, 1)
        )
        hidden = self.drop(
            self.hidden(ops.concatenate([user, candidate, user * candidate], -1)), training=training
        )
        cosine = ops.sum(ops.normalize(user) * ops.normalize(candidate), -1)
        return self.head(hidden)[:, 0] + self.likeness * cosine


def _mean(states: Tensor, weight: Tensor) -> Tensor:
    """Of states `[pairs, tokens, dim]` by weights `[pairs, tokens]`, `[pairs, dim]`."""
    return ops.einsum("ptd,pt->pd", states, weight) / ops.maximum(ops.sum(weight, -1, keepdims=True), 1.0)
