"""Steps without a model, to test what is around them: a text is written, and shouted."""

from typing import ClassVar

from pydantic import Field

from components.artifacts import Artifact
from components.component import Component, Parameters


class Text(Artifact):
    @property
    def content(self) -> str:
        return (self.payload / "text.txt").read_text()


class Other(Artifact):
    pass


class WriteParameters(Parameters):
    text: str = Field(min_length=1)


class Write(Component):
    OUTPUTS: ClassVar = {"text": Text}
    PARAMETERS = WriteParameters
    calls = 0

    def execute(self, inputs, outputs):
        type(self).calls += 1
        (outputs["text"] / "text.txt").write_text(self.parameters.text)


class Shout(Component):
    INPUTS: ClassVar = {"text": Text}
    OUTPUTS: ClassVar = {"text": Text, "other": Other}
    calls = 0

    def execute(self, inputs, outputs):
        type(self).calls += 1
        (outputs["text"] / "text.txt").write_text(inputs["text"].content.upper())
        (outputs["other"] / "length.txt").write_text(str(len(inputs["text"].content)))
