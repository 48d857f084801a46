"""One validated settings model for each stage; together they are a run's `config.yaml`.

The defaults are the one recipe for every dataset. `--set stage.key=value` on the command line and the keys of a YAML
file change them; an unknown key or a value out of range is refused with its name.
"""

from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator


class ConfigError(ValueError):
    """Settings that cannot be used; the message names each key, what was expected and what was received."""


class _Stage(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class DataConfig(_Stage):
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


class TextConfig(_Stage):
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


class TuningConfig(_Stage):
    """How behaviour teaches the language model, where `text.tuning` asks for it."""

    rank: int = Field(8, ge=1, description="of LoRA's corrections")
    layers: int = Field(2, ge=1, description="transformer layers that 'top' opens")
    length: int = Field(
        32, ge=8, le=512, description="tokens of a text that are learned from; time follows it"
    )
    batch: int = Field(64, ge=2, description="pairs of texts in a step")
    epochs: int = Field(8, ge=1, description="the most epochs; held-out items may stop earlier")
    steps: int = Field(50, ge=1, description="the most steps of an epoch, which else takes every text once")
    learning_rate: float | None = Field(
        None, gt=0, description="of Adam; empty = 1e-3 for lora, 1e-4 for top, 2e-5 for full"
    )
    xla: bool = Field(True, description="compiled steps: about twice as fast, after a minute of compiling")


class RetrievalConfig(_Stage):
    """The two towers."""

    dim: int = Field(64, ge=4, le=1024)
    length: int = Field(50, ge=1, le=1000, description="newest events of a history that are read")
    encoder: Literal["transformer", "lstm", "mean"] = Field("transformer", description="reads the history")
    blocks: int = Field(2, ge=1, le=12)
    heads: int = Field(2, ge=1)
    dropout: float = Field(0.2, ge=0, lt=1)
    id_dropout: float = Field(
        0.1, ge=0, le=1, description="how often training hides an item's id, so that its text must do"
    )
    content_dim: int = Field(
        256,
        ge=0,
        description="principal components of language (and other) vectors by which items are alike; 0 = not used",
    )
    lexical_dim: int = Field(
        256,
        ge=0,
        description="dimensions of the words of items (TF-IDF, latent semantic analysis); 0 = not used",
    )
    new_item_boost: float = Field(
        0.4,
        description="what is added to the score of an item without interactions, in nats: the will to explore",
    )
    neighbours: int = Field(
        100, ge=0, description="items that appear in the same histories, kept for each item; 0 = not used"
    )
    user_id: bool = Field(False, description="whether a known user has an embedding of their own")
    time: bool = Field(
        False, description="whether hour, weekday and the time since the event before are part of a query"
    )
    interests: int = Field(1, ge=1, le=16, description="query vectors of a user, for several tastes at once")
    index: Literal["exact", "clustered"] = Field(
        "exact",
        description="how the best items are found; 'clustered' is for 100,000 items and more, on a CPU",
    )
    index_recall: float = Field(
        0.97, gt=0, lt=1, description="share of the best candidates that a clustered index finds"
    )
    side_dropout: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="how often training hides a query's profile or context, which may be missing",
    )
    temperature: float = Field(1.0, gt=0)
    negatives: int = Field(
        1024, ge=1, description="uniform negatives a step; the catalogue's size or more = full softmax"
    )
    hard_negatives: int = Field(
        0,
        ge=0,
        description="negatives a step that its queries like best among eight times as many drawn uniformly",
    )
    frequency: Literal["counted", "streaming"] = Field(
        "counted",
        description="how often items are positives (logQ): counted beforehand or estimated from the batches",
    )
    learning_rate: float = Field(1e-3, gt=0)
    schedule: Literal["constant", "cosine"] = Field(
        "constant", description="of the learning rate; cosine falls to 0 at the last of the most steps"
    )
    warmup_steps: int = Field(0, ge=0, description="steps in which the learning rate rises from 0")
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = Field(
        "float32", description="of the towers' layers; the loss is always float32"
    )
    weight_decay: float = Field(0.0, ge=0)
    batch_events: int = Field(1024, ge=1, description="events in a training step")
    epochs: int = Field(30, ge=1, description="the most epochs; validation may stop earlier")
    steps: int = Field(
        4000, ge=1, description="the most training steps, in whole epochs: bounds the time on large data"
    )
    catch_up_epochs: int = Field(
        4, ge=0, description="epochs on the newest events, once the ranker has learned from them"
    )
    patience: int = Field(
        3, ge=1, description="epochs without a better validation ndcg@10 before training stops"
    )

    @field_validator("index")
    @classmethod
    def _has_one_query(cls, index: str, info: ValidationInfo) -> str:
        if index == "clustered" and info.data.get("interests", 1) > 1:
            raise ValueError("the clustered index asks one query for a user: set interests=1, or index=exact")
        return index


InputName = Literal[
    "popularity", "language", "behaviour", "co_occurrence", "category", "activity", "profile", "context"
]


class RankingConfig(_Stage):
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


class ReadingConfig(_Stage):
    """The cross-encoder: a language model that reads user and candidate together. Train it on a GPU."""

    milliseconds: float = Field(
        0.0, ge=0, description="that it may read for one request, as measured at export; 0 = there is none"
    )
    pairs: int = Field(20, ge=2, le=500, description="the most candidates that it reads, the first ones")
    events: int = Field(3, ge=1, description="newest events of the history that it reads")
    event_tokens: int = Field(12, ge=1, description="tokens of each of them")
    tokens: int = Field(24, ge=1, description="tokens of the candidate")
    rank: int = Field(16, ge=1, description="of LoRA's corrections")
    lists: int = Field(
        30000, ge=1, description="that it learns from; a moment of the past comes again with other rivals"
    )
    negatives: int = Field(15, ge=1, description="other items beside what came next")
    batch: int = Field(64, ge=1, description="moments in a step")
    epochs: int = Field(3, ge=1)
    learning_rate: float = Field(5e-4, gt=0)
    slates: int = Field(
        1000,
        ge=1,
        description="the most slates of a fit that it reads: for what it is worth, and to be distilled",
    )


StepName = Literal[
    "slate_model",
    "cross_encoder",
    "feedback",
    "debias",
    "calibration",
    "diversity",
    "fairness",
    "exploration",
]
STEPS: tuple[StepName, ...] = get_args(StepName)


class RerankingConfig(_Stage):
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
        0.5, ge=0, le=1, description="what a teacher's scores weigh in its loss, where there is a teacher"
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


class ExportConfig(_Stage):
    """The SavedModel."""

    k: int = Field(100, ge=1, description="the most items that `recommend` returns")
    retrieve_k: int = Field(200, ge=1, description="the most items that `retrieve` returns")


class Config(_Stage):
    """All settings of a run."""

    seed: int = 0
    deterministic: bool = Field(True, description="bit-for-bit repeatable training on one machine")
    data: DataConfig = DataConfig()
    text: TextConfig = TextConfig()
    tuning: TuningConfig = TuningConfig()
    retrieval: RetrievalConfig = RetrievalConfig()
    ranking: RankingConfig = RankingConfig()
    reading: ReadingConfig = ReadingConfig()
    reranking: RerankingConfig = RerankingConfig()
    export: ExportConfig = ExportConfig()

    @field_validator("reading")
    @classmethod
    def _has_a_language_model(cls, reading: ReadingConfig, info: ValidationInfo) -> ReadingConfig:
        text = info.data.get("text")
        if reading.milliseconds and text is not None and text.encoder == "none":
            raise ValueError("a language model to read with is needed: set text.encoder, or milliseconds=0")
        return reading

    def to_yaml(self) -> str:
        """All settings as YAML, in the order of the pipeline."""
        return yaml.safe_dump(self.model_dump(), sort_keys=False)


def make_config(values: dict[str, Any]) -> Config:
    """A `Config` from nested values.

    Raises:
        ConfigError: naming every key that is unknown or out of range.
    """
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        lines = [
            f"  {'.'.join(map(str, e['loc']))}: {e['msg']}. Received: {e['input']!r}" for e in error.errors()
        ]
        raise ConfigError("These settings cannot be used:\n" + "\n".join(lines)) from error


def load_config(path: str | Path | None = None, settings: tuple[str, ...] | list[str] = ()) -> Config:
    """Defaults, then a YAML file, then `stage.key=value` settings, each over the one before.

    Raises:
        ConfigError: for a file that is no mapping, a setting without `=` or with a broken value, or what `make_config`
            refuses.
    """
    values = _read_yaml(Path(path)) if path else {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise ConfigError(f"A setting has the form stage.key=value. Received: {setting!r}")
        _put(values, key.strip().split("."), _value(value, setting), setting)
    return make_config(values)


def _value(text: str, setting: str) -> Any:
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that is none
        raise ConfigError(f"The value of the setting {setting!r} cannot be read: {error}") from error


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"The config file {path} cannot be read: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(
            f"The config file {path} must hold a mapping of stages. Received: {type(values).__name__}"
        )
    return values


def _put(values: dict[str, Any], keys: list[str], value: Any, setting: str) -> None:
    for key in keys[:-1]:
        values = values.setdefault(key, {})
        if not isinstance(values, dict):
            raise ConfigError(f"The setting {setting!r} goes into {key!r}, which is a value, not a stage.")
    values[keys[-1]] = value
