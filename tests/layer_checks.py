"""One checker for every Keras layer and model: what a user takes for granted, asked of each alike."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

Layer = keras.layers.Layer


def check_layer(
    make: Callable[..., Layer],
    inputs: tuple[Any, ...],
    shape: tuple[int, ...],
    folder: Path,
    *,
    mixed_precision: bool = True,
    tolerance: float = 1e-5,
) -> Layer:
    """Put a layer through shape, gradient, tf.function, mixed precision, config, and save and reload.

    Args:
        make: called as `make()` and `make(dtype="mixed_float16")`, gives a fresh layer.
        inputs: the positional arguments of one call: arrays, or nests (dict, list) of arrays.
        shape: of the one output.
        folder: to save in (pytest's tmp_path).
        mixed_precision: False for a layer that is not made for it.
        tolerance: largest difference between two ways to the same output; mixed precision has its own.

    Returns:
        The layer, built, with random weights: every weight was moved away from its initial value, so a reload
        that forgets one cannot pass.
    """
    inputs = keras.tree.map_structure(tf.convert_to_tensor, inputs)
    layer = make()
    layer(*inputs)
    randomize(layer)
    output = layer(*inputs)
    assert tuple(output.shape) == shape
    assert np.isfinite(output).all()
    check_gradient(layer, inputs)
    np.testing.assert_allclose(tf.function(layer)(*inputs), output, atol=tolerance)
    if mixed_precision:
        check_mixed_precision(layer, make(dtype="mixed_float16"), inputs)
    check_config(layer)
    check_reload(layer, inputs, folder, tolerance)
    return layer


def randomize(layer: Layer, seed: int = 0) -> None:
    """Add small noise to every float weight, trainable or not."""
    rng = np.random.default_rng(seed)
    for weight in layer.weights:
        if keras.backend.is_float_dtype(weight.dtype):
            weight.assign(weight.numpy() + rng.normal(scale=0.1, size=weight.shape))
    adopt_statistics(layer)


def adopt_statistics(layer: Layer) -> None:
    """A Normalization layer computes with a copy of its weights, made when it is built or loaded: make it anew."""
    for part in layer._flatten_layers():
        if isinstance(part, keras.layers.Normalization):
            part.finalize_state()


def check_gradient(layer: Layer, inputs: tuple[Any, ...]) -> None:
    """Every trainable variable gets a finite gradient, and not all of them are zero."""
    with tf.GradientTape() as tape:
        output = tf.cast(layer(*inputs), tf.float32)
        loss = tf.reduce_sum(output * tf.random.stateless_normal(tf.shape(output), seed=(0, 1)))
    variables = [variable.value for variable in layer.trainable_variables]
    gradients = tape.gradient(loss, variables)
    for variable, gradient in zip(layer.trainable_variables, gradients, strict=True):
        assert gradient is not None, f"no gradient reaches {variable.path}"
        assert np.isfinite(tf.convert_to_tensor(gradient)).all(), (
            f"the gradient of {variable.path} is not finite"
        )
    assert not variables or any(np.any(tf.convert_to_tensor(gradient)) for gradient in gradients)


def check_mixed_precision(layer: Layer, half: Layer, inputs: tuple[Any, ...]) -> None:
    """With float16 arithmetic the same weights give nearly the same output, and gradients stay finite."""
    half(*inputs)
    half.set_weights(layer.get_weights())
    adopt_statistics(half)
    np.testing.assert_allclose(
        tf.cast(half(*inputs), tf.float32), tf.cast(layer(*inputs), tf.float32), rtol=0.02, atol=0.02
    )
    check_gradient(half, inputs)


def check_config(layer: Layer) -> None:
    """The config is JSON, and a layer made from it has the same."""
    config = layer.get_config()
    text = json.dumps(keras.saving.serialize_keras_object(config), sort_keys=True)
    again = type(layer).from_config(config).get_config()
    assert json.dumps(keras.saving.serialize_keras_object(again), sort_keys=True) == text


def check_reload(layer: Layer, inputs: tuple[Any, ...], folder: Path, tolerance: float = 1e-5) -> Layer:
    """A model that holds the layer (or the layer itself, a model) answers alike after `.keras` and back."""
    model = layer if isinstance(layer, keras.Model) else functional(layer, inputs)
    arguments = inputs if model is layer else (list(keras.tree.flatten(inputs)),)
    model.save(folder / "layer.keras")
    again = keras.saving.load_model(folder / "layer.keras")
    np.testing.assert_allclose(again(*arguments), model(*arguments), atol=tolerance)
    return again


def functional(layer: Layer, inputs: tuple[Any, ...]) -> keras.Model:
    """A model of nothing but the layer; its inputs are the flat list of the layer's."""
    places = keras.tree.map_structure(lambda x: keras.Input(x.shape[1:], dtype=x.dtype.name), inputs)
    return keras.Model(list(keras.tree.flatten(places)), layer(*places))
