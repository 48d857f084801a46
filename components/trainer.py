"""Trainer: examples become a trained run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, field_validator

from components.artifacts import Examples, TrainedRun, folder_fingerprint
from components.component import Component, Parameters, PipelineError
from tfrec.config import Config, make_config


class TrainerParameters(Parameters):
    """The settings that `tfrec train --config` takes; those not given have their defaults."""

    settings: dict[str, Any] = Field(default_factory=dict)

    @field_validator("settings")
    @classmethod
    def _complete(cls, given: dict[str, Any]) -> dict[str, Any]:
        return make_config(given).model_dump()

    @property
    def config(self) -> Config:
        """All settings."""
        return make_config(self.settings)


class Trainer(Component):
    """Trains recall and ranking: `examples` → `run`. An interrupted training goes on where it was."""

    INPUTS: ClassVar = {"examples": Examples}
    OUTPUTS: ClassVar = {"run": TrainedRun}
    PARAMETERS = TrainerParameters
    RESUMES = True

    def outside(self) -> dict[str, str]:
        encoder = Path(self.parameters.config.text.encoder)
        return {"encoder": folder_fingerprint(encoder)} if encoder.is_dir() else {}

    def execute(self, inputs: Mapping[str, Any], outputs: Mapping[str, Path]) -> None:
        from components.examples import read_dataset, read_facts
        from tfrec.training import train

        examples: Examples = inputs["examples"]
        config: Config = self.parameters.config
        check_split(read_facts(examples.payload), config)
        train(read_dataset(examples.payload), config, outputs["run"])


def check_split(facts: Mapping[str, Any], config: Config) -> None:
    """Raises PipelineError when the settings would hold back other interactions than the examples do."""
    for key in ("split", "repeats"):
        asked = getattr(config.data, key)
        if facts[key] != asked:
            raise PipelineError(
                f"the examples have {key}: {facts[key]}, but settings.data.{key} is {asked}. Make them equal."
            )
