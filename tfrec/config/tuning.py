"""`tuning.*`: how the language model learns from behaviour."""

from typing import Literal

from pydantic import Field

from tfrec.config.settings import Settings


class TuningConfig(Settings):
    """How behaviour teaches the language model, where `text.tuning` asks for it."""

    learn_from: Literal["companions", "lists"] = Field(
        "companions",
        description="'companions': items near each other in histories; 'lists': what came next before what might have",
    )
    rank: int = Field(8, ge=1, description="of LoRA's corrections")
    layers: int = Field(2, ge=1, description="transformer layers that 'top' opens")
    length: int = Field(
        32, ge=8, le=512, description="tokens of a text that are learned from; time follows it"
    )
    batch: int = Field(64, ge=2, description="pairs of texts in a step; fewer lists, of as many texts")
    epochs: int = Field(8, ge=1, description="the most epochs; held-out items may stop earlier")
    steps: int = Field(50, ge=1, description="the most steps of an epoch, which else takes every text once")
    learning_rate: float | None = Field(
        None, gt=0, description="of Adam; empty = 1e-3 for lora, 1e-4 for top, 2e-5 for full"
    )
    xla: bool = Field(True, description="compiled steps: about twice as fast, after a minute of compiling")
