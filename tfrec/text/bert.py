"""BERT's forward pass in few large ops, for a backbone that KerasHub has loaded.

KerasHub writes a layer for any backend: over `[batch, length, dim]` with einsums, so that TensorFlow finds no bias and
no activation to fuse into a product. Here the token vectors of a batch are one matrix `[batch · length, dim]`, and each
dense layer is a product, a bias and perhaps an activation in the form that TensorFlow fuses on a CPU. The vectors are
the same; texts of 64 tokens take about a quarter less of a processor's time.
"""

from typing import Any

import keras
import keras_hub
import tensorflow as tf

HIDDEN = "sequence_output"  # KerasHub's name of the hidden states
MASKED = -1e9


def hidden_states(backbone: Any, inputs: dict[str, tf.Tensor], *, training: bool = False) -> tf.Tensor:
    """The last layer's vectors of all tokens.

    Args:
        backbone: a KerasHub encoder.
        inputs: token_ids, padding_mask and, where it tells two texts apart, segment_ids: int32 `[batch, length]`.
        training: with dropout.

    Returns:
        `[batch, length, dim]` in the backbone's own precision.
    """
    if training or not is_plain(backbone):
        output = backbone(inputs, training=training)
        return output[HIDDEN] if isinstance(output, dict) else output
    return _bert(backbone, **inputs)


def is_plain(backbone: Any) -> bool:
    """Whether a backbone is a BERT as published, under TensorFlow, in float32 and not quantised."""
    return (
        keras.backend.backend() == "tensorflow"
        and type(backbone) is keras_hub.models.BertBackbone
        and backbone.compute_dtype == "float32"
        and not any(layer.normalize_first for layer in backbone.transformer_layers)
        and not any(getattr(layer, "quantization_mode", None) for layer in backbone._flatten_layers())
    )


def _bert(backbone: Any, token_ids: tf.Tensor, padding_mask: tf.Tensor, segment_ids: tf.Tensor) -> tf.Tensor:
    tokens = backbone.token_embedding(token_ids)
    embedded = tokens + backbone.position_embedding(tokens) + backbone.segment_embedding(segment_ids)
    bias = (1.0 - tf.cast(padding_mask, tf.float32))[:, None, None, :] * MASKED
    states = tf.reshape(backbone.embeddings_layer_norm(embedded), [-1, backbone.hidden_dim])
    for layer in backbone.transformer_layers:
        attended = _attend(layer._self_attention_layer, states, bias)
        states = layer._self_attention_layer_norm(states + attended)
        inner = layer.activation(_product(layer._feedforward_intermediate_dense, states))
        states = layer._feedforward_layer_norm(states + _product(layer._feedforward_output_dense, inner))
    return tf.reshape(states, tf.shape(tokens))


def _attend(attention: keras.layers.MultiHeadAttention, states: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    """Self-attention of token vectors `[batch · length, dim]`; bias `[batch, 1, 1, length]` hides the padding."""
    batch, length, heads, size = tf.shape(bias)[0], tf.shape(bias)[3], attention.num_heads, attention.key_dim

    def by_head(dense: keras.layers.EinsumDense) -> tf.Tensor:
        split = tf.reshape(_product(dense, states), [batch, length, heads, size])
        return tf.transpose(split, [0, 2, 1, 3])

    query, key, value = map(by_head, (attention.query_dense, attention.key_dense, attention.value_dense))
    weights = tf.nn.softmax(tf.matmul(query * size**-0.5, key, transpose_b=True) + bias)
    joined = tf.transpose(tf.matmul(weights, value), [0, 2, 1, 3])
    return _product(attention.output_dense, tf.reshape(joined, [-1, heads * size]))


def _product(dense: Any, states: tf.Tensor) -> tf.Tensor:
    """A Dense or EinsumDense over the last axis of states `[rows, dim]`, without its activation."""
    kernel = tf.reshape(dense.kernel, [states.shape[-1], -1])
    return tf.nn.bias_add(tf.matmul(states, kernel), tf.reshape(dense.bias, [-1]))
