import json

import pytest

from components.component import PipelineError
from components.evaluator import Evaluator
from components.example_gen import ExampleGen
from components.thresholds import Threshold, bless
from components.trainer import Trainer


def test_the_evaluation_is_an_artifact_of_its_own(results):
    evaluation = results["Evaluator"].outputs["evaluation"]
    assert {path.name for path in evaluation.payload.iterdir()} >= {
        "metrics.json",
        "report.html",
        "ranks.parquet",
    }
    trained = results["Trainer"].outputs["run"]
    assert trained.is_intact()  # measuring has written nothing there
    assert evaluation.manifest.inputs == {"run": trained.fingerprint}


def test_the_blessing_is_the_verdict_on_the_written_metrics(results):
    outputs = results["Evaluator"].outputs
    metrics = json.loads((outputs["evaluation"].payload / "metrics.json").read_text())
    thresholds = [Threshold(**values) for values in outputs["blessing"].manifest.parameters["thresholds"]]
    assert outputs["blessing"].verdict == bless(thresholds, metrics)


@pytest.mark.parametrize("thresholds", [[], [{"stage": "ranking", "metric": "ndcg@10"}]])
def test_useless_thresholds_are_refused_when_the_step_is_built(thresholds):
    trainer = Trainer(examples=ExampleGen(dataset="movielens")["examples"])
    with pytest.raises(PipelineError, match="Evaluator: these parameters cannot be used:\n  thresholds"):
        Evaluator(run=trainer["run"], thresholds=thresholds)
