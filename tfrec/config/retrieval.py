"""`retrieval.*`: recall, its training and its index."""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from tfrec.config.settings import Settings


class RetrievalConfig(Settings):
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
    distance_discount: float = Field(
        0.5,
        ge=0,
        le=2,
        description="how much less a history ties two items, there and in ranking, the further apart they stand: "
        "d places count d^-this",
    )
    shrinkage: float = Field(
        0.0,
        ge=0,
        description="how many users two items must share for half of their likeness to count, there and in ranking",
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
