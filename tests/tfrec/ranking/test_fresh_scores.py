"""Cross-fitted scores: no ranker scores the list of a user that it has learned from."""

import numpy as np
import pytest

from tfrec.config import RankingConfig
from tfrec.ranking import fresh_scores as module
from tfrec.ranking.fresh_scores import FOLDS, fresh_scores
from tfrec.ranking.lists import TrainingLists

COUNT = 60
USER = np.random.default_rng(0).integers(20, size=COUNT)
LISTS = TrainingLists({"user": USER, "number": np.arange(COUNT)}, np.zeros((COUNT, 3), np.float32))


class Witness:
    """Stands for a ranker: gives the number of each list, and remembers whom it has learned from."""

    def __init__(self, lists: TrainingLists) -> None:
        self.known = set(lists.inputs["user"])

    def predict(self, inputs, **_) -> np.ndarray:
        assert not self.known & set(inputs["user"])
        return np.repeat(inputs["number"][:, None], 3, 1)


@pytest.fixture
def fits(monkeypatch) -> list[Witness]:
    made: list[Witness] = []

    def fit_ranker(lists, tables, config, *, seed) -> Witness:
        made.append(Witness(lists))
        return made[-1]

    monkeypatch.setattr(module, "fit_ranker", fit_ranker)
    return made


def test_every_list_is_scored_by_who_has_not_met_its_user(fits):
    scores = fresh_scores(LISTS, (None, None), USER, RankingConfig(), seed=0)
    np.testing.assert_array_equal(scores, np.repeat(np.arange(COUNT)[:, None], 3, 1))
    assert len(fits) == FOLDS
    assert (
        min(len(witness.known) for witness in fits)
        >= len(np.unique(USER)) - len(np.unique(USER)) // FOLDS - 1
    )


def test_no_list_needs_no_ranker(fits):
    nothing = LISTS.take(np.arange(0))
    assert fresh_scores(nothing, (None, None), USER[:0], RankingConfig(), seed=0).shape == (0, 3)
    assert not fits
