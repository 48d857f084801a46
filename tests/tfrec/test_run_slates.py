"""Slates of a finished run: what its graph serves, at moments that lie before what is asked."""

import numpy as np

from tests.tiny_world import inputs
from tfrec.data.moments import held_out_moments
from tfrec.funnel import Funnel
from tfrec.run import Run
from tfrec.run_slates import learning_slates, target_slates


def test_slates_at_the_targets_are_what_the_graph_ranks(world_run: Run, world_funnel: Funnel):
    slates, targets = target_slates(world_run, "test", n=5), world_run.targets("test")
    np.testing.assert_array_equal(slates.user, targets.user)
    ids = ["", *world_run.items["item_id"]]
    rank = world_funnel.signatures.functions["rank"]
    requests = [
        {"user_id": world_run.user_ids[user], "candidates": [ids[row] for row in rows]}
        for user, rows in zip(slates.user, slates.rows, strict=True)
    ]
    asked = inputs(["user_id", "history", "query_text", "candidates"], *requests)
    served = rank(**asked)["score"].numpy()[:, 1:]  # the first candidate that is sent is ""
    np.testing.assert_allclose(slates.ranking, served, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(slates.labels, slates.rows == targets.item[:, None] + 1)
    assert slates.answered.mean() > 0.5


def test_slates_to_learn_from_lie_at_the_held_out_moments(world_run: Run):
    slates, known = learning_slates(world_run, n=6), world_run.known("valid")
    moments = held_out_moments(known, world_run.config.ranking.lists, world_run.config.seed)
    assert len(slates) == len(moments)
    for user, place, row, history, rows, labels in zip(
        moments.user, moments.place, moments.row, slates.history, slates.rows, slates.labels, strict=True
    ):
        before = known.of(user)[:place] + 1
        assert history[history > 0].tolist() == before.tolist()
        assert not set(before) & set(rows)
        assert rows[labels > 0].tolist() == [row][: int(labels.max())]
