"""What tuning changed, in a file of its own: the trained weights alone, in the safetensors format.

Of LoRA these are the two factors and the bias of each corrected layer, some hundred times less than the language
model. Loading adds their product to the kernel (Hu et al. 2021, arXiv:2106.09685, section 4.1), so that a tuned
encoder is as fast as the one it came from, and has its graph.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from safetensors.numpy import load_file, save_file

FACTORS = ("/lora_kernel_a", "/lora_kernel_b")


def save_tuned(encoder: keras.layers.Layer, path: str | Path) -> None:
    """Writes the trainable weights of a layer with a tuned backbone, by their path."""
    save_file({weight.path: np.asarray(weight.numpy()) for weight in encoder.trainable_weights}, path)


def load_tuned(encoder: keras.layers.Layer, path: str | Path) -> None:
    """Gives a layer as it was before tuning what `save_tuned` wrote.

    Raises:
        ValueError: the file was written for another language model.
    """
    weights = {weight.path: weight for weight in encoder.weights}
    changed = _products_in_place(load_file(path), weights)
    for name, value in changed.items():
        if name not in weights or weights[name].shape != value.shape:
            raise ValueError(
                f"{path}: expected the weights of the language model at hand, which has no {name!r} of shape "
                f"{value.shape}. Received: those of another. Use the encoder that was tuned."
            )
    for name, value in changed.items():
        weights[name].assign(value)


def _products_in_place(saved: dict[str, np.ndarray], weights: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """What was saved, with the sum of kernel and product in place of each pair of factors."""
    changed = {name: value for name, value in saved.items() if not name.endswith(FACTORS)}
    for layer in {name.rpartition("/")[0] for name in saved.keys() - changed.keys()}:
        product = saved[layer + FACTORS[0]] @ saved[layer + FACTORS[1]]
        kernel = weights.get(f"{layer}/kernel")
        if kernel is not None and kernel.shape == product.shape:
            product += kernel.numpy()
        changed[f"{layer}/kernel"] = product
    return changed
