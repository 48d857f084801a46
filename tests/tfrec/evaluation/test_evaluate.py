"""What `evaluate` says of the probabilities of a run in the tiny world."""

import pytest

from tests.tiny_world import USERS
from tfrec.evaluation import evaluate as module
from tfrec.evaluation.evaluate import _Asked, draw, measure_curves, measure_pairs
from tfrec.evaluation.groups import item_groups
from tfrec.funnel import Funnel
from tfrec.run import Run


@pytest.fixture(scope="module")
def asked(world_run: Run, world_funnel: Funnel) -> _Asked:
    past, targets = world_run.past("test"), world_run.targets("test")
    return _Asked(world_funnel.signatures, past, past, targets, world_run.side)


def test_every_candidate_of_every_target_is_a_pair(world_run, world_funnel, asked):
    targets = world_run.targets("test")
    figures = measure_pairs(draw(asked, targets, seed=0), world_funnel.signatures.slate.ranker)
    slate = asked(targets.user).slate
    assert figures["pairs"] == (slate.candidates > 0).sum()
    answered = (slate.candidates == targets.item[:, None] + 1).any(1)
    assert figures["true"] == pytest.approx(answered.sum() / figures["pairs"])
    assert figures["auc"] > 0.9
    assert 1 / 3 < figures["told"] / figures["true"] < 3  # it was fitted on a tenth of a few lists


def test_no_more_targets_are_drawn_than_needed(world_run, asked, monkeypatch):
    monkeypatch.setattr(module, "DRAWN", 5)
    drawn = draw(asked, world_run.targets("test"), seed=0)
    assert len(drawn.rows) == len(drawn.user) == 5 < USERS
    assert {*zip(drawn.user, drawn.wanted - 1, strict=True)} <= {
        *zip(world_run.targets("test").user, world_run.targets("test").item, strict=True)
    }


def test_what_strengths_buy_is_told_of_the_run_itself(world_run, world_funnel, asked):
    targets = world_run.targets("test")
    drawn, fair = draw(asked, targets, seed=0), draw(asked, targets, seed=0, fairness=1.0)
    assert (fair.rows[:, : drawn.rows.shape[1]] == drawn.rows).all()
    assert fair.rows.shape[1] > drawn.rows.shape[1], "the tail has brought some"
    counts = world_run.known("test").counts(len(world_run.items))
    items, language = item_groups(world_run.content, counts), world_run.content.language[1:]
    curves = measure_curves(drawn, fair, world_funnel.signatures, items, language)
    assert curves["targets"] == USERS
    points = curves["diversity"]["points"]
    assert points[-1]["ild@20"] >= points[0]["ild@20"]
    assert points[0]["ndcg@10"] > 0.5, "the next item of the ring comes early"
    assert curves["fairness"]["points"][0]["asked"] == 0
    assert measure_curves(drawn, fair, world_funnel.signatures, items, None)["diversity"] is None
