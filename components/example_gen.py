"""ExampleGen: a dataset folder, or a bundled dataset, becomes tf.Example records by split."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from components.artifacts import Examples
from components.component import Component, Parameters

if TYPE_CHECKING:
    from tfrec.data.dataset import Dataset


class ExampleGenParameters(Parameters):
    """What to read, and how to hold interactions back."""

    dataset: str = Field(min_length=1, description="a dataset folder, or a built-in name: movielens")
    split: Literal["last-out", "time"] = "last-out"
    repeats: Literal["first", "keep"] = "first"


class ExampleGen(Component):
    """Reads and cleans a dataset: → `examples`."""

    OUTPUTS: ClassVar = {"examples": Examples}
    PARAMETERS = ExampleGenParameters

    @cached_property
    def dataset(self) -> "Dataset":
        """The cleaned tables."""
        from tfrec.data.dataset import load_dataset

        return load_dataset(self.parameters.dataset)

    def outside(self) -> dict[str, str]:
        return {"dataset": self.dataset.fingerprint()}

    def execute(self, inputs: Mapping[str, Any], outputs: Mapping[str, Path]) -> None:
        from components.examples import write_dataset
        from tfrec.config import DataConfig

        how = DataConfig(split=self.parameters.split, repeats=self.parameters.repeats)
        write_dataset(self.dataset, outputs["examples"], how)
