"""What `evaluate` says of the probabilities of a run in the tiny world."""

import pytest

from tests.tiny_world import USERS
from tfrec.evaluation import evaluate as module
from tfrec.evaluation.evaluate import _Asked, measure_pairs
from tfrec.funnel import Funnel
from tfrec.run import Run


@pytest.fixture(scope="module")
def asked(world_run: Run, world_funnel: Funnel) -> _Asked:
    past, targets = world_run.past("test"), world_run.targets("test")
    return _Asked(world_funnel.signatures, past, past, targets, world_run.side)


def test_every_candidate_of_every_target_is_a_pair(world_run, world_funnel, asked):
    targets = world_run.targets("test")
    figures = measure_pairs(asked, world_funnel.signatures.slate.ranker, targets, seed=0)
    slate = asked(targets.user).slate
    assert figures["pairs"] == (slate.candidates > 0).sum()
    answered = (slate.candidates == targets.item[:, None] + 1).any(1)
    assert figures["true"] == pytest.approx(answered.sum() / figures["pairs"])
    assert figures["auc"] > 0.9
    assert 1 / 3 < figures["told"] / figures["true"] < 3  # it was fitted on a tenth of a few lists


def test_no_more_targets_are_drawn_than_needed(world_run, world_funnel, asked, monkeypatch):
    monkeypatch.setattr(module, "PAIRED", 5)
    figures = measure_pairs(asked, world_funnel.signatures.slate.ranker, world_run.targets("test"), seed=0)
    assert 0 < figures["pairs"] <= 5 * world_run.config.ranking.candidates
    assert USERS > 5
