"""Ranking scores of the training lists as they will be in use: by rankers that have not learned from these lists.

A ranker knows the answers of its own lists. What learns from its scores would trust them too much, and learn to correct
mistakes that are made nowhere else.
"""

from typing import Any

import numpy as np

from tfrec.config import RankingConfig
from tfrec.ranking.fit import fit_ranker
from tfrec.ranking.lists import TrainingLists

FOLDS, BATCH = 5, 256


def fresh_scores(
    lists: TrainingLists, tables: tuple[Any, Any], user: np.ndarray, config: RankingConfig, *, seed: int
) -> np.ndarray:
    """Scores of every list, as recall gave it, by a ranker of the other users' lists (cross-fitting), float32
    `[lists, list]`.

    Args:
        lists, tables, config: as of `fit_ranker`.
        user: int `[lists]`, whose they are.
        seed: of the folds and the rankers.
    """
    served = lists.of_recall()
    scores = np.zeros_like(served.labels)
    users = int(user.max(initial=0)) + 1
    fold = np.random.default_rng(seed).permutation(users)[user] % FOLDS
    for own in np.unique(fold):
        ranker = fit_ranker(lists.take(fold != own), tables, config, seed=seed)
        scores[fold == own] = ranker.predict(served.take(fold == own).inputs, batch_size=BATCH, verbose=0)
    return scores
