"""Cross-fitted scores: no ranker scores the list of a user that it has learned from."""

import numpy as np

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


class Learner:
    """Stands for what makes them."""

    def __init__(self) -> None:
        self.made: list[Witness] = []

    def fit(self, lists: TrainingLists, *, seed: int) -> Witness:
        self.made.append(Witness(lists))
        return self.made[-1]


def test_every_list_is_scored_by_who_has_not_met_its_user():
    learner = Learner()
    scores = fresh_scores(LISTS, learner, USER, seed=0)
    np.testing.assert_array_equal(scores, np.repeat(np.arange(COUNT)[:, None], 3, 1))
    assert len(learner.made) == FOLDS
    assert (
        min(len(witness.known) for witness in learner.made)
        >= len(np.unique(USER)) - len(np.unique(USER)) // FOLDS - 1
    )


def test_no_list_needs_no_ranker():
    learner, nothing = Learner(), LISTS.take(np.arange(0))
    assert fresh_scores(nothing, learner, USER[:0], seed=0).shape == (0, 3)
    assert not learner.made
