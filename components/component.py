"""What a step of a pipeline is: typed inputs, typed outputs, typed parameters, and one call into tfrec.

    examples = ExampleGen(dataset="movielens")
    trainer = Trainer(examples=examples["examples"], settings={"retrieval": {"epochs": 3}})

Everything that can be wrong without data is refused here, when the pipeline is built. A runner makes the
folders, calls `execute`, and keeps the books; a component knows nothing of either, so that it can also run in
a container.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError

from components.artifacts import Artifact


class PipelineError(ValueError):
    """A pipeline that cannot be built or run; the message names the step and says what to do."""


class Parameters(BaseModel):
    """Base of a component's parameters: JSON values, unknown names refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Channel:
    """An output of a component, to be wired to an input of another before either has run.

    Args:
        producer: the component.
        name: of its output.
        type: what will lie there.
    """

    producer: "Component"
    name: str
    type: type[Artifact]

    def __str__(self) -> str:
        return f"{self.name} of {self.producer.name}, a {self.type.__name__}"


class Component(ABC):
    """A step. A subclass states its types and implements `execute`.

    Heavy modules are imported inside `execute`, so that building a pipeline, compiling it, or finding all of
    it unchanged, needs no TensorFlow.

    Attributes:
        INPUTS, OUTPUTS: name → type of artifact.
        PARAMETERS: their model.
        RESUMES: whether `execute` goes on from a payload that an interrupted call left.
    """

    INPUTS: ClassVar[Mapping[str, type[Artifact]]] = {}
    OUTPUTS: ClassVar[Mapping[str, type[Artifact]]]
    PARAMETERS: ClassVar[type[Parameters]] = Parameters
    RESUMES: ClassVar[bool] = False

    def __init__(self, **arguments: Any) -> None:
        """Inputs are channels, everything else is a parameter.

        Raises:
            PipelineError: an input is missing or of another type, or a parameter is unknown, missing or out of
                range.
        """
        self.inputs = {name: self._channel(name, arguments.pop(name, None)) for name in self.INPUTS}
        self.parameters = self._parameters(arguments)

    @property
    def name(self) -> str:
        """Of the step, in messages and on disk."""
        return type(self).__name__

    def __getitem__(self, output: str) -> Channel:
        """The channel of an output."""
        if output not in self.OUTPUTS:
            raise PipelineError(f"{self.name} has the outputs {[*self.OUTPUTS]}. Received: {output!r}.")
        return Channel(self, output, self.OUTPUTS[output])

    def outside(self) -> dict[str, str]:
        """Fingerprints of what the step reads that no step made, such as a dataset folder: name → hash."""
        return {}

    @abstractmethod
    def execute(self, inputs: Mapping[str, Any], outputs: Mapping[str, Path]) -> None:
        """Does the work.

        Args:
            inputs: the artifact of each input.
            outputs: for each output the payload folder to fill; it exists.
        """

    def _channel(self, name: str, given: Any) -> Channel:
        expected = self.INPUTS[name]
        if not isinstance(given, Channel) or not issubclass(given.type, expected):
            raise PipelineError(
                f"{self.name}: the input `{name}` must be an output of type {expected.__name__}. Received: {given}."
            )
        return given

    def _parameters(self, given: dict[str, Any]) -> Any:
        try:
            return self.PARAMETERS.model_validate(given)
        except ValidationError as error:
            raise PipelineError(f"{self.name}: these parameters cannot be used:\n{reasons(error)}") from error


def reasons(error: ValidationError) -> str:
    """One line for each value that a model refused: where, why, what was received."""
    lines = []
    for found in error.errors():
        where = ".".join(map(str, found["loc"])) or "as a whole"
        lines.append(f"  {where}: {found['msg']}. Received: {found['input']!r}")
    return "\n".join(lines)
