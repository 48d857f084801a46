"""`text.*`: the language model that every stage reads with."""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from tfrec.config.settings import Settings


class TextConfig(Settings):
    """The language model that reads items and requests."""

    encoder: str = Field(
        "minilm", description="'minilm', a Hugging Face folder or a KerasHub preset; 'none' = no text"
    )
    sequence_length: int = Field(64, ge=8, le=512, description="tokens read of one text")
    weight: float = Field(
        16.0, ge=0, description="what a request's free text adds to a score for each unit of cosine"
    )
    tuning: Literal["frozen", "top", "lora", "full"] = Field(
        "frozen", description="how much of the language model behaviour may change, before items are encoded"
    )

    @field_validator("tuning")
    @classmethod
    def _needs_encoder(cls, how: str, info: ValidationInfo) -> str:
        if how != "frozen" and info.data.get("encoder") == "none":
            raise ValueError("a language model to tune is needed: set text.encoder, or text.tuning=frozen")
        return how
