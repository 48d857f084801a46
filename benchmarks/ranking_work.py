"""What rankers of one dataset learn from and are asked, for benchmarks that train many of them on the same recall."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarks.retrieval_quality import Task
from tfrec.config import Config
from tfrec.data.histories import Histories
from tfrec.data.moments import moments_of
from tfrec.data.worth import Worth
from tfrec.determinism import deterministic_ops
from tfrec.ranking.fit import build_pair_features, fit_ranker
from tfrec.ranking.lists import TrainingLists, make_lists
from tfrec.retrieval.retriever import Retriever
from tfrec.training import learn_newest, learn_recall, learning_lists


class Work(NamedTuple):
    """Lists of one training of recall.

    Attributes:
        lists, tables: as of `learning_lists`.
        asked: the validation targets' lists, for each of the histories that they were asked with.
        names: of the pair features.
        real: how many of the lists are those of the catalogue as it is.
        warm: float32 `[rows]`, 0 for an item without interactions.
    """

    lists: TrainingLists
    tables: tuple[Any, Any]
    asked: list[TrainingLists]
    names: tuple[str, ...]
    real: int
    warm: np.ndarray


def prepare(task: Task, config: Config, pasts: Sequence[Histories], *, worth: Worth | None = None) -> Work:
    """Trains recall on `task.split.train`, gets the lists, catches up, and asks for the targets after each past."""
    with deterministic_ops(config.deterministic):
        recalled = learn_recall(task.split.train, task.content, config, side=task.side, worth=worth)
        lists, tables = learning_lists(recalled, task.content, config, task.side)
        learn_newest(recalled, config, task.side)
    retriever, ranking = Retriever(recalled.two_tower), config.ranking
    kept = ranking.neighbours
    features = build_pair_features(
        recalled.known, task.content, retriever, neighbours_kept=kept, groups=ranking.groups
    )
    asked = [
        make_lists(
            retriever,
            features,
            past,
            moments_of(past, task.split.valid),
            candidates=ranking.candidates,
            length=config.retrieval.length,
            side=task.side,
        )
        for past in pasts
    ]
    arrays = tuple(np.asarray(table) for table in tables)
    warm = recalled.two_tower.candidate.warm.numpy()
    return Work(lists, (arrays[0], arrays[1]), asked, features.names, len(recalled.moments), warm)


def ranked(work: Work, config: Config, *, seed: int) -> list[np.ndarray]:
    """ndcg@10 of every validation target by one ranker, float64 `[targets]` for each way of asking."""
    with deterministic_ops(config.deterministic):
        learned = fit_ranker(work.lists, work.tables, config.ranking, seed=seed)
    ranker = learned.with_tables(*(table[: len(work.warm)] for table in work.tables))
    ranker.set_new(work.warm)
    return [
        ndcg(asked.labels, ranker.predict(asked.inputs, batch_size=256, verbose=0)) for asked in work.asked
    ]


def recalled_order(asked: TrainingLists) -> np.ndarray:
    """ndcg@10 of every target in the order of recall."""
    by_place = -np.arange(asked.labels.shape[1], dtype=np.float32)
    return ndcg(asked.labels, np.broadcast_to(by_place, asked.labels.shape))


def ndcg(labels: np.ndarray, scores: np.ndarray, k: int = 10) -> np.ndarray:
    """Of the one answer of each list, ties against it; 0 where it is not among the candidates."""
    own = np.where(labels > 0, scores, np.inf).min(1, keepdims=True)
    place = ((scores >= own) & (labels == 0)).sum(1)
    return np.where((labels > 0).any(1) & (place < k), 1 / np.log2(place + 2.0), 0.0)
