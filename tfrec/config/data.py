"""`data.*`: how interactions become histories and targets."""

from typing import Literal

from pydantic import Field, field_validator

from tfrec.config.settings import Settings


class DataConfig(Settings):
    """How interactions become histories and targets."""

    split: Literal["last-out", "time"] = "last-out"
    repeats: Literal["first", "keep"] = Field(
        "first", description="'first': only a user's first interaction with an item"
    )
    hide_items: float = Field(
        0.0, ge=0, lt=1, description="share of the catalogue hidden from training (cold start)"
    )
    event_weights: dict[str, float] = Field(
        {}, description="what each kind of `event` is worth, as {view: 1, purchase: 5}; empty = all the same"
    )
    ratings: Literal["global", "user"] | None = Field(
        None,
        description="whether interactions are graded by their `rating`, clipped at everybody's quantiles or the user's",
    )
    winsorise: float = Field(0.05, ge=0, lt=0.5, description="share of the ratings clipped at each end")
    abnormal: float = Field(
        1.0, ge=0, le=1, description="how much is learned from users who stand out as bots do; 1 = as of all"
    )

    @field_validator("event_weights")
    @classmethod
    def _some_event_counts(cls, weights: dict[str, float]) -> dict[str, float]:
        if any(weight < 0 for weight in weights.values()) or (weights and not any(weights.values())):
            raise ValueError("weights are at least 0, and one of them is more")
        return weights
