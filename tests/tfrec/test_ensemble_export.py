"""An ensemble of rankers is one model to whoever loads a run or an export of it."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from serving.model_server.saved_model import SavedModel
from tests.layer_checks import randomize
from tests.served_call import call, save_signature
from tests.tiny_world import KNOWN, NOBODY, SHORT, inputs, item
from tfrec.funnel import Funnel
from tfrec.ranking.ensemble import join
from tfrec.run import Run

REQUESTS = [KNOWN, {**NOBODY, "history": SHORT}]
ASKED = {"candidates": [item("space", place) for place in range(6)]}


def scores(funnel: Funnel) -> np.ndarray:
    told = inputs(("user_id", "history", "query_text", "candidates"), *({**r, **ASKED} for r in REQUESTS))
    return funnel.signatures.functions["rank"](**told)["score"].numpy()[:, 1:]


@pytest.fixture(scope="module")
def ensemble(world_run: Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[Funnel, np.ndarray]:
    """Of the run of the world with another member beside its ranker; and what rank should say."""
    folder = tmp_path_factory.mktemp("ensemble") / "run"
    shutil.copytree(world_run.folder, folder)
    path, first = folder / "test" / "ranker.keras", world_run.load_stages("test").ranker
    other = first.with_tables(first.vectors.numpy(), first.content.numpy())
    randomize(other.correction)
    expected = []
    for member in (first, other):
        member.save(path)
        expected.append(scores(Funnel.from_run(Run.open(folder))))
    assert not np.allclose(*expected, atol=1e-2)
    join([first, other]).save(path)
    return Funnel.from_run(Run.open(folder)), np.mean(expected, axis=0)


def test_rank_says_the_mean_of_the_members(ensemble):
    funnel, expected = ensemble
    np.testing.assert_allclose(scores(funnel), expected, atol=1e-4)


def test_a_served_model_says_the_same(ensemble, tmp_path: Path):
    funnel, expected = ensemble
    model = SavedModel(str(save_signature(funnel.signatures, "rank", tmp_path / "model")))
    told = inputs(("user_id", "history", "query_text", "candidates"), *({**r, **ASKED} for r in REQUESTS))
    served = call(model, "rank", told)["score"][:, 1:]
    model.close()
    np.testing.assert_allclose(served, expected, atol=1e-4)
