"""How much of the language model learns: nothing, its top layers, low-rank corrections, or all of it."""

from typing import Any

from tfrec.text.encoder import TextEncoder

TUNINGS = ("frozen", "top", "lora", "full")


def apply_tuning(encoder: TextEncoder, how: str, *, rank: int = 8, layers: int = 2) -> int:
    """Make the chosen part of the encoder trainable, and the rest not. Call it before the optimizer is built.

    Args:
        encoder: changed in place.
        how: "frozen"; "top" (the last `layers` transformer layers); "lora" (corrections of rank `rank` to the
            attention's query and value, Hu et al. 2021, arXiv:2106.09685; cannot be taken back); or "full".
        rank: of the corrections.
        layers: transformer layers that "top" opens.

    Returns:
        The number of trainable weights (scalars).
    """
    if how not in TUNINGS:
        raise ValueError(f"`how` must be one of {', '.join(TUNINGS)}. Received: {how!r}")
    backbone = encoder.backbone
    if how == "lora":
        backbone.enable_lora(rank)
        encoder.retrace()
    else:
        backbone.trainable = True  # a frozen parent would hide its open layers
        _open(
            backbone,
            {"frozen": [], "top": backbone.transformer_layers[-layers:], "full": backbone.layers}[how],
        )
    backbone.pooled_dense.trainable = False
    return sum(weight.value.shape.num_elements() for weight in encoder.trainable_weights)


def _open(backbone: Any, layers: list[Any]) -> None:
    """Make these layers of the backbone trainable and no others."""
    for layer in backbone.layers:
        layer.trainable = any(layer is one for one in layers)
