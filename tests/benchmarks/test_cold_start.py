"""Hidden items are new to every model, and what texts cost the warm ones is of each user's mean over the seeds."""

import numpy as np
import pytest

from benchmarks.cold_start import difference, figures, rank, without
from benchmarks.retrieval_quality import Task
from tfrec.data.dataset import Dataset
from tfrec.data.histories import histories
from tfrec.data.item_content import learn_content
from tfrec.data.splits import hidden_items, split

SHARE = 0.2


@pytest.fixture(scope="module")
def task(world: Dataset) -> Task:
    return Task(split(histories(world)), len(world.item_ids), learn_content(world, None))


def test_models_see_nothing_of_what_is_hidden_but_are_asked_for_it(task: Task) -> None:
    hidden = hidden_items(task.items, SHARE, seed=1)
    known = without(task, hidden)
    for part in ("train", "refit"):
        assert not hidden[getattr(known.split, part).item].any()
        assert hidden[getattr(task.split, part).item].any()
    assert known.split.test is task.split.test


def test_who_knows_only_warm_items_finds_no_new_one(task: Task) -> None:
    """Warm items are level, all within 20 places; a new one is behind the whole catalogue, with what is masked."""
    hidden = hidden_items(task.items, SHARE, seed=1)
    known = without(task, hidden)
    warm = known.split.refit.counts(task.items) > 0
    scores = np.where(warm, 0, -np.inf).astype(np.float32)
    ranking = rank(task, known, lambda users: np.tile(scores, (len(users), 1)))
    row = figures(ranking, known)
    targets = task.split.test.item
    assert row["new targets"] == (~warm[targets]).sum() > 0
    assert row["new recall@20"] == 0.0
    assert row["recall@20"] == pytest.approx(warm[targets].mean())
    assert row["ndcg@10"] == pytest.approx(row["warm ndcg@10"] * warm[targets].mean())


def test_a_user_counts_once_by_the_seeds_in_which_the_target_is_warm() -> None:
    """User 0: (.5 - .1 + .3 - .1) / 2; user 1, warm in one seed: 1 - .2; user 2 is never warm."""
    nan = np.nan
    first = np.array([[0.5, 1.0, nan], [0.1, 0.2, nan]])
    second = np.array([[0.3, nan, nan], [0.1, nan, nan]])
    told = difference([first, second])
    assert told["users"] == 2
    assert told["mean"] == pytest.approx((0.3 + 0.8) / 2)
    assert told["low"] == pytest.approx(0.3)
    assert told["high"] == pytest.approx(0.8)
