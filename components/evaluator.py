"""Evaluator: measures a run beside the baselines, and blesses it when it meets the thresholds."""

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from components.artifacts import Blessing, Evaluation, TrainedRun, write_text
from components.component import Component, Parameters
from components.thresholds import Threshold, bless


class EvaluatorParameters(Parameters):
    """On which targets, and what is good enough."""

    on: Literal["test", "valid"] = "test"
    thresholds: list[Threshold] = Field(min_length=1)


class Evaluator(Component):
    """Measures and judges: `run` → `evaluation`, `blessing`. A poor run is no error here: it is not blessed."""

    INPUTS: ClassVar = {"run": TrainedRun}
    OUTPUTS: ClassVar = {"evaluation": Evaluation, "blessing": Blessing}
    PARAMETERS = EvaluatorParameters

    def execute(self, inputs: Mapping[str, Any], outputs: Mapping[str, Path]) -> None:
        from tfrec.evaluation.evaluate import evaluate
        from tfrec.evaluation.metrics_file import METRICS_FILE, read_metrics

        trained: TrainedRun = inputs["run"]
        with tempfile.TemporaryDirectory(prefix="tfrec-evaluator-") as folder:
            run = trained.view(Path(folder) / "run")
            evaluate(run, self.parameters.on)
            shutil.copytree(run.folder / "evaluation", outputs["evaluation"], dirs_exist_ok=True)
        verdict = bless(self.parameters.thresholds, read_metrics(outputs["evaluation"] / METRICS_FILE))
        write_text(outputs["blessing"] / Blessing.FILE, json.dumps(verdict, indent=2) + "\n")
