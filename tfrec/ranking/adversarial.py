"""Adversarial training in the space of the item vectors: lists as they would be hardest, a step away."""

from collections.abc import Sequence
from typing import Any

from keras import ops

Tensor = Any
TINY = 1e-12


def hardest(vectors: Sequence[Tensor], slopes: Sequence[Tensor], strength: float) -> list[Tensor]:
    """Each vector v moved by `ε ‖v‖ g / ‖g‖`, g the slope of the loss there; one without a slope stays.

    The fast gradient method of Miyato et al. 2017, "Adversarial Training Methods for Semi-Supervised Text
    Classification", eq. 5, on every vector by itself, so that ε is a share of a vector's length whatever the space.

    Args:
        vectors, slopes: of several spaces, `[batch, n, dim]` each.
        strength: ε.
    """
    return [
        v + strength * _length(v) * g / ops.maximum(_length(g), TINY)
        for v, g in zip(vectors, slopes, strict=True)
    ]


def _length(vectors: Tensor) -> Tensor:
    return ops.sqrt(ops.sum(ops.square(vectors), axis=-1, keepdims=True))
