"""Text → vectors: the language model as one Keras layer, strings in, unit vectors out.

The graph holds ops of TensorFlow core and tensorflow-text only, so a stock TensorFlow Serving runs it. Item
texts are encoded once (`encode`, and `tfrec.text.cache` keeps the result on disk); a request's free text is
encoded live (`call`).
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401  (registers the tokenizer's ops)

from tfrec.text.batches import BATCH, encode_in_steps
from tfrec.text.bert import hidden_states
from tfrec.text.sources import POOLINGS, load_language_model


@keras.saving.register_keras_serializable("tfrec")
class TextEncoder(keras.layers.Layer):
    """A string tensor `[batch]` → L2-normalised float32 vectors `[batch, dim]`.

    A text is cut to `sequence_length` tokens ([CLS] and [SEP] included), a batch is padded to its longest
    text only, and the token vectors are pooled without the padding. A text without any token (empty, or
    spaces only) gets the zero vector: it is similar to nothing.

    Args:
        backbone: a KerasHub backbone with `token_ids` and `padding_mask` inputs, such as BertBackbone.
        tokenizer: its tokenizer.
        sequence_length: the most tokens read of a text, from 3 to the backbone's own limit.
        pooling: "mean" (of the unpadded tokens) or "cls" (the first token).
    """

    def __init__(
        self,
        backbone: Any,
        tokenizer: Any,
        *,
        sequence_length: int = 64,
        pooling: str = "mean",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check_sequence_length(sequence_length, backbone)
        if pooling not in POOLINGS:
            raise ValueError(f"`pooling` must be one of {POOLINGS}. Received: {pooling!r}")
        self.backbone = backbone
        self.tokenizer = tokenizer
        self.sequence_length = sequence_length
        self.pooling = pooling
        if hasattr(backbone, "pooled_dense"):
            backbone.pooled_dense.trainable = False  # BERT's own pooler is not on the way to the output
        self.built = True
        self.retrace()

    def retrace(self) -> None:
        """Trace `forward` (= `call`, not training) anew: a graph knows nothing of layers changed since."""
        texts = tf.TensorSpec([None], tf.string)
        self.forward = tf.function(self.call, input_signature=[texts], autograph=False)

    @classmethod
    def from_name(cls, name: str | Path, *, sequence_length: int = 64) -> Self:
        """An encoder from a folder, a KerasHub preset or the alias "minilm".

        Raises:
            EncoderNotFound: with the three ways to get one.
        """
        model = load_language_model(name)
        return cls(model.backbone, model.tokenizer, sequence_length=sequence_length, pooling=model.pooling)

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        return self.backbone.hidden_dim

    @property
    def fingerprint(self) -> str:
        """A hash of all that decides a vector: weights, vocabulary, pooling, length. Not of names."""
        config = {k: v for k, v in self.backbone.get_config().items() if k not in ("name", "trainable")}
        tokenizer = self.tokenizer.get_config() | {"name": None}
        settings = [config, tokenizer, self.tokenizer.get_vocabulary(), self.sequence_length, self.pooling]
        digest = hashlib.sha256(json.dumps(settings, default=str).encode())
        for weight in self.backbone.weights:
            digest.update(weight.numpy().tobytes())
        return digest.hexdigest()

    def call(self, texts: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self.embed(*self.tokenize(texts), training=training)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def pieces(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Word pieces `[batch, (pieces)]` int32, uncut, without [CLS] and [SEP]."""
        return self.tokenizer(texts)

    def tokenize(self, texts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Texts `[batch]` → token ids and padding mask, int32 `[batch, longest]`, at most sequence_length."""
        pieces = self.pieces(texts)[:, : self.sequence_length - 2]
        rows = pieces.nrows()
        start = tf.fill([rows, 1], self.tokenizer.start_token_id)
        end = tf.fill([rows, 1], self.tokenizer.end_token_id)
        tokens = tf.concat([start, pieces, end], axis=1)
        mask = tf.sequence_mask(tokens.row_lengths(), dtype=tf.int32)
        return tokens.to_tensor(self.tokenizer.pad_token_id), mask

    def embed(self, token_ids: tf.Tensor, padding_mask: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Token ids and padding mask, both int32 `[batch, length]` → unit vectors float32 `[batch, dim]`."""
        inputs = {"token_ids": token_ids, "padding_mask": padding_mask}
        if "segment_ids" in self.backbone.input:
            inputs["segment_ids"] = tf.zeros_like(token_ids)
        states = tf.cast(hidden_states(self.backbone, inputs, training=training), tf.float32)
        if self.pooling == "cls":
            pooled = states[:, 0]
        else:
            pooled = tf.einsum("bld,bl->bd", states, tf.cast(padding_mask, tf.float32))
        has_text = tf.reduce_sum(padding_mask, axis=1, keepdims=True) > 2
        return tf.math.l2_normalize(tf.where(has_text, pooled, 0.0), axis=-1)

    def encode(self, texts: Sequence[str], *, batch: int = BATCH, progress: bool = False) -> np.ndarray:
        """Encode any number of texts, equal ones once.

        Args:
            batch: texts in a step.
            progress: show a progress bar.

        Returns:
            float32 `[n, dim]` in the order of `texts`.
        """
        unique, inverse = np.unique(np.array(texts, dtype=object), return_inverse=True)
        vectors = np.zeros((len(unique), self.dim), np.float32)
        for places, part in encode_in_steps(self, unique.tolist(), batch=batch, progress=progress):
            vectors[places] = part
        return vectors[inverse]

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (*input_shape, self.dim)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "backbone": keras.saving.serialize_keras_object(self.backbone),
            "tokenizer": keras.saving.serialize_keras_object(self.tokenizer),
            "sequence_length": self.sequence_length,
            "pooling": self.pooling,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        parts = {k: keras.saving.deserialize_keras_object(config[k]) for k in ("backbone", "tokenizer")}
        return cls(**(config | parts))


def check_sequence_length(sequence_length: int, backbone: Any) -> None:
    """Raises ValueError unless the backbone can read so many tokens ([CLS], [SEP] and at least one more)."""
    limit = getattr(backbone, "max_sequence_length", None) or sequence_length
    if not 3 <= sequence_length <= limit:
        raise ValueError(f"`sequence_length` must lie in [3, {limit}]. Received: {sequence_length}")
