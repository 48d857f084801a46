"""Likelihood as a step of a run that was finished without it: in Python as served."""

import json
import shutil
from pathlib import Path

import pytest
import tensorflow as tf
import yaml
from typer.testing import CliRunner

from serving.model_server.saved_model import SavedModel
from tests.served_call import call, check_same, save_signature
from tests.tiny_bert import tiny_bert
from tests.tiny_causal import tiny_llama
from tests.tiny_world import REQUESTS, answer, inputs, tiny_config, user
from tfrec import cli
from tfrec.funnel import Funnel
from tfrec.generative import likelihood_reading
from tfrec.run import Run
from tfrec.text.generative import GenerativeModelNotFound
from tfrec.writing import Writer

CANDIDATES = 4


def with_model(run: Run, model: Path, to: Path) -> Run:
    """A copy of a run whose config.yaml names a model."""
    shutil.copytree(run.folder, to)
    settings = yaml.safe_load((to / "config.yaml").read_text())
    settings["generative"] = {"folder": str(model), "candidates": CANDIDATES, "gain": 1e5}
    (to / "config.yaml").write_text(yaml.safe_dump(settings))
    return Run.open(to)


def test_a_finished_run_orders_by_likelihood_in_python_as_served(world_run, tmp_path, monkeypatch):
    run = with_model(world_run, tiny_llama(tmp_path / "llama", ["rocket", "planet"]), tmp_path / "run")
    funnel = Funnel.from_run(run)
    folder = save_signature(funnel.signatures, "certify", tmp_path / "model")
    requests = inputs(funnel.signatures.inputs["certify"], *REQUESTS)
    expected = funnel.signatures.functions["certify"](**{n: tf.constant(v) for n, v in requests.items()})
    check_same(call(SavedModel(str(folder)), "certify", requests), expected)
    moved = [json.loads(line)["moved_by"] for line in expected["trace"].numpy().ravel() if line]
    assert 0 < sum("likelihood" in steps for steps in moved) <= CANDIDATES * len(REQUESTS)
    assert (
        Writer.from_funnel(funnel).model
        is funnel.signatures.slate.reranker.steps["likelihood"].model.language_model
    )

    monkeypatch.setattr(Funnel, "from_run", classmethod(lambda cls, run: funnel))
    told = CliRunner().invoke(cli.app, ["explain", str(run.folder), "--user", user(3), "--item", answer(3)])
    assert "In words: " in told.output


def test_a_run_without_it_has_no_such_step(world_funnel):
    assert "likelihood" not in world_funnel.signatures.slate.reranker.steps


def test_a_model_is_loaded_only_where_its_step_is_in_the_order():
    config = tiny_config("none", "generative.folder=no/such/folder", "reranking.order=[diversity]")
    assert likelihood_reading(config, ["title"]) is None


def test_a_folder_that_is_no_such_model_is_refused(tmp_path):
    config = tiny_config("none", f"generative.folder={tiny_bert(tmp_path / 'bert')}")
    with pytest.raises(GenerativeModelNotFound, match="could not be loaded"):
        likelihood_reading(config, ["title"])
