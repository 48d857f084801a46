"""`generative.*`: a generative language model, which orders a small slate by likelihood and can put it into words."""

from pydantic import Field

from tfrec.config.settings import Settings


class GenerativeConfig(Settings):
    """A generative language model. It learns nothing, so a finished run may be given one in its config.yaml."""

    folder: str = Field(
        "",
        description="a KerasHub CausalLM: a folder of KerasHub's or Hugging Face's, or a preset; empty = there is none",
    )
    candidates: int = Field(10, ge=2, le=100, description="that it reads, the first ones")
    gain: float = Field(
        1.0, ge=0, description="what a nat a token of likelihood is worth beside a ranking score; much = all"
    )
    events: int = Field(5, ge=1, description="newest events of the history that it reads")
    tokens: int = Field(16, ge=1, description="of a title, and of a free text, that it reads")
    written: int = Field(96, ge=8, le=1024, description="tokens that it writes of a slate")
