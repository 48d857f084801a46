"""`reranking.*`: the steps that shape a slate, and their order."""

from typing import Literal, get_args

from pydantic import Field, field_validator

from tfrec.config.settings import Settings

StepName = Literal[
    "slate_model",
    "cross_encoder",
    "likelihood",
    "feedback",
    "debias",
    "calibration",
    "diversity",
    "fairness",
    "exploration",
]
STEPS: tuple[StepName, ...] = get_args(StepName)


class RerankingConfig(Settings):
    """What shapes the slate after the relevance is known."""

    order: list[StepName] = Field(
        list(STEPS), description="of the steps, each at most once; rules come after all of them"
    )
    slate_model: bool = Field(
        True,
        description="whether a transformer over the whole slate corrects the order of ranking, where it can",
    )
    slate: int = Field(
        50, ge=2, description="how many candidates, the first of ranking's, the slate model reads"
    )
    distillation: float = Field(
        0.25, ge=0, le=1, description="what a teacher's scores weigh in its loss, where there is a teacher"
    )
    diversity: float = Field(
        0.35, ge=0, le=1, description="strength of diversity where a request does not say"
    )
    diversify: Literal["mmr", "dpp"] = Field(
        "mmr", description="likeness counts to the nearest item of the slate, or to all of them together"
    )
    calibration: float = Field(
        0.0, ge=0, le=1, description="how far category shares of a slate follow those of the history; 0 = not"
    )

    feedback: float = Field(
        0.5, ge=0, description="what likeness to a session's liked and disliked items weighs; 0 = not used"
    )
    debias: float = Field(0.0, ge=0, description="how much of the score popularity costs; 0 = not")
    fairness: float = Field(0.0, ge=0, le=1, description="strength of fairness where a request does not say")
    fair_column: str = Field(
        "popularity",
        description="whose groups fairness speaks of: 'popularity' (head, tail) or a categorical column",
    )
    fair_shares: dict[str, float] = Field(
        {"tail": 0.2}, description="group → its least share of every prefix of the slate, at strength 1"
    )
    exploration: float = Field(
        0.0,
        ge=0,
        le=1,
        description="temperature of a drawn order where a request does not say; 0 = not drawn",
    )
    language: str = Field("en", description="of reasons, where a request names none that is known")

    @field_validator("fair_shares")
    @classmethod
    def _can_be_had(cls, shares: dict[str, float]) -> dict[str, float]:
        if any(share < 0 for share in shares.values()) or sum(shares.values()) > 1:
            raise ValueError("shares are at least 0, and at most 1 together")
        return shares

    @field_validator("order")
    @classmethod
    def _names_each_once(cls, order: list[StepName]) -> list[StepName]:
        if len(set(order)) < len(order):
            raise ValueError("a step is named twice")
        return order
