"""All sections together: a run's `config.yaml`."""

import yaml
from pydantic import Field, ValidationInfo, field_validator

from tfrec.config.data import DataConfig
from tfrec.config.export import ExportConfig
from tfrec.config.generative import GenerativeConfig
from tfrec.config.ranking import RankingConfig
from tfrec.config.reading import ReadingConfig
from tfrec.config.reranking import RerankingConfig
from tfrec.config.retrieval import RetrievalConfig
from tfrec.config.settings import Settings
from tfrec.config.text import TextConfig
from tfrec.config.tuning import TuningConfig


class Config(Settings):
    """All settings of a run."""

    seed: int = 0
    deterministic: bool = Field(True, description="bit-for-bit repeatable training on one machine")
    data: DataConfig = DataConfig()
    text: TextConfig = TextConfig()
    tuning: TuningConfig = TuningConfig()
    retrieval: RetrievalConfig = RetrievalConfig()
    ranking: RankingConfig = RankingConfig()
    reading: ReadingConfig = ReadingConfig()
    generative: GenerativeConfig = GenerativeConfig()
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
