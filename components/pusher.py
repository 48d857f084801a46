"""Pusher: a blessed run becomes a version that a model server finds; without a blessing it refuses."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from components.artifacts import Blessing, Evaluation, PushedModel, TrainedRun, folder_fingerprint, write_text
from components.component import Component, Parameters, PipelineError


class NotBlessedError(PipelineError):
    """The run did not meet its thresholds, or the blessing is another run's."""


class PusherParameters(Parameters):
    """Where models are served from."""

    to: str = Field(min_length=1, description="MODELS/NAME; the numeric version folder is made in it")


class Pusher(Component):
    """Exports a blessed run: `run`, `evaluation`, `blessing` → `pushed`."""

    INPUTS: ClassVar = {"run": TrainedRun, "evaluation": Evaluation, "blessing": Blessing}
    OUTPUTS: ClassVar = {"pushed": PushedModel}
    PARAMETERS = PusherParameters

    def execute(self, inputs: Mapping[str, Any], outputs: Mapping[str, Path]) -> None:
        from tfrec.export import export_run

        trained: TrainedRun = inputs["run"]
        check_blessed(trained, inputs["evaluation"], inputs["blessing"])
        with tempfile.TemporaryDirectory(prefix="tfrec-pusher-") as folder:
            pushed = export_run(trained.view(Path(folder) / "run", inputs["evaluation"]), self.parameters.to)
        facts = {
            "folder": str(pushed.resolve()),
            "version": int(pushed.name),
            "fingerprint": folder_fingerprint(pushed),
        }
        write_text(outputs["pushed"] / PushedModel.FILE, json.dumps(facts, indent=2) + "\n")


def check_blessed(run: TrainedRun, evaluation: Evaluation, blessing: Blessing) -> None:
    """Raises NotBlessedError unless evaluation and blessing are this run's, and all thresholds were met."""
    for artifact in (evaluation, blessing):
        if artifact.manifest.inputs.get("run") != run.fingerprint:
            raise NotBlessedError(
                f"the {artifact.manifest.name} is of another run. Evaluate this run and wire its outputs here."
            )
    verdict = blessing.verdict
    if verdict["blessed"] is not True:
        missed = "; ".join(check["sentence"] for check in verdict["checks"] if not check["passed"])
        raise NotBlessedError(
            f"the run is not blessed, so nothing was pushed: {missed}. Train better, or change the thresholds."
        )
