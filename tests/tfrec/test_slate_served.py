"""A run with a slate model: it moves what is recommended, says so, and is served as it answers in Python."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from serving.model_server.saved_model import SavedModel
from tests.census import strangers
from tests.layer_checks import randomize
from tests.served_call import call, check_same, save_signature
from tests.tiny_world import REQUESTS, inputs
from tfrec.funnel import Funnel
from tfrec.reranking.slate_model import SlateModel
from tfrec.reranking.slates import Slates
from tfrec.run import SLATE_MODEL, SLATES, Run


@pytest.fixture(scope="module")
def run(world_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The tiny run with some slate model, whatever its few slates have taught."""
    run = Run(Path(shutil.copytree(world_run.folder, tmp_path_factory.mktemp("slate") / "run")))
    model = SlateModel()
    randomize(model)
    model.linear.kernel.assign(3 * model.linear.kernel)
    model.save(run.folder / "test" / SLATE_MODEL)
    return run


def test_a_run_keeps_its_slates(world_run: Run):
    for fit in ("valid", "test"):
        slates = Slates.load(world_run.folder / fit / SLATES)
        assert len(slates) > 20
        assert slates.answered.any()


def test_it_is_the_first_step_and_its_moves_are_certified_and_served(run: Run, tmp_path: Path):
    funnel = Funnel.from_run(run)
    requests = inputs(funnel.signatures.inputs["certify"], *REQUESTS)
    asked = {name: tf.constant(value) for name, value in requests.items()}
    expected = funnel.signatures.functions["certify"](**asked)
    traces = [json.loads(line) for line in expected["trace"].numpy().ravel() if line]
    assert all(
        [step["step"] for step in trace["steps"]][:2] == ["ranking", "slate_model"] for trace in traces
    )
    assert any("slate_model" in trace["moved_by"] for trace in traces)
    score = expected["score"].numpy()
    assert (np.diff(score, axis=1) <= 0).all()

    folder = save_signature(funnel.signatures, "certify", tmp_path / "model")
    check_same(call(SavedModel(str(folder)), "certify", requests), expected)
    model = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    assert not strangers(model.meta_graphs[0].graph_def)
