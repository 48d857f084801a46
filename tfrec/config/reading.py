"""`reading.*`: the cross-encoder, the slow step that has read the texts."""

from pydantic import Field

from tfrec.config.settings import Settings


class ReadingConfig(Settings):
    """The cross-encoder: a language model that reads user and candidate together. Train it on a GPU."""

    milliseconds: float = Field(
        0.0, ge=0, description="that it may read for one request, as measured at export; 0 = there is none"
    )
    pairs: int = Field(20, ge=2, le=500, description="the most candidates that it reads, the first ones")
    events: int = Field(3, ge=1, description="newest events of the history that it reads")
    event_tokens: int = Field(12, ge=1, description="tokens of each of them")
    tokens: int = Field(24, ge=1, description="tokens of the candidate")
    profile_tokens: int = Field(12, ge=0, description="tokens of the user's own columns; 0 = not read")
    text_tokens: int = Field(12, ge=0, description="tokens of a request's free text; 0 = not read")
    imagined: float = Field(
        0.2, ge=0, le=1, description="share of the lists with a free text: words of what came next"
    )
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
