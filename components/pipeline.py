"""The recommender pipeline and the YAML file that sets it up; `tfrec pipeline run CONFIG.yaml` calls `run_pipeline`.

name: demo
dataset: movielens              # a folder, or a built-in name
out: runs/pipeline              # where artifacts go; --out overrides it
settings: {retrieval: {…}, …}   # as in `tfrec train --config`
thresholds:                     # all must be met, or nothing is pushed
  - {stage: ranking, metric: "ndcg@10", above: popularity}
  - {stage: ranking, metric: "recall@10", at_least: 0.05}
push_to: models/recommender     # below `out`, unless absolute
"""

from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError

from components.component import Component, Parameters, PipelineError, reasons
from components.evaluator import Evaluator
from components.example_gen import ExampleGen
from components.order import in_order
from components.pusher import Pusher
from components.runner import LocalRunner, StepResult
from components.trainer import Trainer
from tfrec.config import make_config

DEMO = Path(__file__).with_name("demo.yaml")


class PipelineConfig(Parameters):
    """A CONFIG.yaml; what a step takes is checked by the step."""

    name: str = Field(min_length=1)
    dataset: str
    out: Path = Path("runs/pipeline")
    settings: dict[str, Any] = Field(default_factory=dict)
    thresholds: list[dict[str, Any]]
    push_to: Path = Path("models/recommender")


def run_pipeline(
    config_path: str | Path | None = None, *, out: str | Path | None = None
) -> dict[str, StepResult]:
    """Runs a pipeline here.

    Args:
        config_path: a CONFIG.yaml; None = the bundled `demo.yaml`.
        out: where artifacts and the pushed model go, if not where the file says.

    Returns:
        what became of each step, by its name.

    Raises:
        PipelineError: the file cannot be used, or a step failed; the message names the key or the step.
    """
    config = read_config(Path(config_path or DEMO))
    if out is not None:
        config = config.model_copy(update={"out": Path(out)})
    steps = make_steps(config)
    print(f"Pipeline {config.name}: {' → '.join(step.name for step in steps)}, in {config.out}", flush=True)
    return LocalRunner(config.out).run(steps)


def read_config(path: Path) -> PipelineConfig:
    """Reads a CONFIG.yaml.

    Raises:
        PipelineError: it is not readable, no mapping, or a key is unknown, missing or of the wrong type.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        return PipelineConfig.model_validate(values)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PipelineError(f"the pipeline file {path} cannot be read: {error}") from error
    except ValidationError as error:
        raise PipelineError(f"the pipeline file {path} cannot be used:\n{reasons(error)}") from error


def make_steps(config: PipelineConfig) -> list[Component]:
    """ExampleGen → Trainer → Evaluator → Pusher, wired and checked."""
    data = make_config(config.settings).data
    examples = ExampleGen(dataset=config.dataset, split=data.split, repeats=data.repeats)
    trainer = Trainer(examples=examples["examples"], settings=config.settings)
    evaluator = Evaluator(run=trainer["run"], thresholds=config.thresholds)
    pusher = Pusher(
        run=trainer["run"],
        evaluation=evaluator["evaluation"],
        blessing=evaluator["blessing"],
        to=str(config.out / config.push_to),
    )
    return in_order([examples, trainer, evaluator, pusher])
