"""Ranking scores of the training lists as they will be in use: by rankers that have not learned from these lists.

A ranker knows the answers of its own lists. What learns from its scores would trust them too much, and learn to correct
mistakes that are made nowhere else.
"""

import numpy as np

from tfrec.ranking.learner import Learner
from tfrec.ranking.lists import TrainingLists

FOLDS, BATCH = 5, 256


def fresh_scores(lists: TrainingLists, learner: Learner, user: np.ndarray, *, seed: int) -> np.ndarray:
    """Scores of every list, as recall gave it, by a ranker of the other users' lists (cross-fitting), float32
    `[lists, list]`.

    Args:
        lists: training lists.
        learner: of the catalogue; its ranker has learned from one of the folds in the end.
        user: int `[lists]`, whose they are.
        seed: of the folds and the rankers.
    """
    served = lists.of_recall()
    scores = np.zeros_like(served.labels)
    users = int(user.max(initial=0)) + 1
    fold = np.random.default_rng(seed).permutation(users)[user] % FOLDS
    for own in np.unique(fold):
        ranker = learner.fit(lists.take(fold != own), seed=seed)
        scores[fold == own] = ranker.predict(served.take(fold == own).inputs, batch_size=BATCH, verbose=0)
    return scores
