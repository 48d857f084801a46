"""`ranking.*`: the rankers, what they read and how they learn."""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from tfrec.config.settings import Settings

InputName = Literal[
    "popularity", "language", "behaviour", "co_occurrence", "category", "activity", "profile", "context"
]


class RankingConfig(Settings):
    """The model that orders the candidates."""

    candidates: int = Field(200, ge=1, le=5000, description="taken from retrieval for each request")
    loss: Literal[
        "pointwise",
        "pairwise",
        "listwise",
        "pairwise_hinge",
        "pairwise_logistic",
        "pairwise_squared",
        "listwise_softmax",
        "list_mle",
        "approx_ndcg",
        "pointwise_squared",
    ] = "listwise"
    adversarial: float = Field(
        0.0,
        ge=0,
        le=1,
        description="how far item vectors are moved against the ranker in training, as a share of their length",
    )
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="how far a label is not to be believed; 0 = it is"
    )
    inputs: list[InputName] = Field(
        ["popularity", "language", "behaviour", "co_occurrence", "category", "activity"],
        description="groups of pair features beside those of retrieval; profile and context are what these alone say",
    )
    history: Literal["attention", "lstm", "none"] = Field(
        "attention", description="how a candidate meets the history"
    )
    cross: int = Field(0, ge=0, le=8, description="cross layers (DCN v2)")
    maps: int = Field(
        0,
        ge=0,
        le=64,
        description="feature maps that language weighs for each pair (dynamic weights); 0 = none",
    )
    form: Literal["attention", "max"] = Field("attention", description="how the maps make a score")
    newcomers: float = Field(
        0.0,
        ge=0,
        le=0.5,
        description="share of the items taken for new in further lists, so that new ones are ranked; 0 = none",
    )
    units: int = Field(32, ge=1)
    dropout: float = Field(0.2, ge=0, lt=1)
    neighbours: int = Field(100, ge=1, description="most similar items kept for each item (co-occurrence)")
    learning_rate: float = Field(2e-3, gt=0)
    weight_decay: float = Field(1e-4, ge=0)
    batch: int = Field(64, ge=1)
    epochs: int = Field(20, ge=1)
    patience: int = Field(3, ge=1)
    lists: int = Field(10000, ge=1, description="the most training lists, one for each held-out interaction")
    random: int = Field(
        0, ge=0, description="random candidates beside those of recall in each training list; 0 = none"
    )
    accumulate: int = Field(1, ge=1, description="batches whose gradients are added up for one step")
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = Field(
        "float32", description="of the ranker's layers; scores and loss are always float32"
    )
    ensemble: int = Field(1, ge=1, le=20, description="rankers whose mean score counts, in one model")
    members: Literal["seeds", "folds"] = Field(
        "seeds", description="how they differ: other seeds, or each stops by its own fold of the lists"
    )
    probability: Literal["temperature", "isotonic"] = Field(
        "temperature", description="how scores become probabilities: a sigmoid, or any rising steps"
    )

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups of pair features, retrieval first."""
        return ("retrieval", *self.inputs)

    @field_validator("random")
    @classmethod
    def _can_be_corrected(cls, random: int, info: ValidationInfo) -> int:
        if random and info.data.get("loss") not in ("listwise", "listwise_softmax", "pointwise"):
            raise ValueError("the sampling can be corrected in the losses listwise and pointwise alone")
        return random

    @field_validator("inputs")
    @classmethod
    def _each_once(cls, inputs: list[InputName]) -> list[InputName]:
        if len({*inputs}) < len(inputs):
            raise ValueError("each group may stand there once")
        return inputs
