"""One validated settings model for each stage, in a file of its own; together they are a run's `config.yaml`.

The defaults are the one recipe for every dataset. `--set stage.key=value` on the command line and the keys of a YAML
file change them; an unknown key or a value out of range is refused with its name.
"""

from tfrec.config.config import Config
from tfrec.config.data import DataConfig
from tfrec.config.export import ExportConfig
from tfrec.config.generative import GenerativeConfig
from tfrec.config.loading import ConfigError, load_config, make_config
from tfrec.config.ranking import InputName, RankingConfig
from tfrec.config.reading import ReadingConfig
from tfrec.config.reranking import STEPS, RerankingConfig, StepName
from tfrec.config.retrieval import RetrievalConfig
from tfrec.config.text import TextConfig
from tfrec.config.tuning import TuningConfig

__all__ = [
    "STEPS",
    "Config",
    "ConfigError",
    "DataConfig",
    "ExportConfig",
    "GenerativeConfig",
    "InputName",
    "RankingConfig",
    "ReadingConfig",
    "RerankingConfig",
    "RetrievalConfig",
    "StepName",
    "TextConfig",
    "TuningConfig",
    "load_config",
    "make_config",
]
