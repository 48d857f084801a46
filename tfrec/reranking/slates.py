"""Slates to learn from: what ranking put first at moments of the past, and what came next.

Between the ranker's lists (`tfrec.ranking.lists`) and the models that read a slate as a whole.
"""

from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from tfrec.ranking.lists import MASKED, TrainingLists
from tfrec.ranking.ranker import Ranker

BATCH = 256


@dataclass(frozen=True, eq=False)
class Slates:
    """The first n candidates of ranking's order at moments of the past.

    Args:
        user: int32 `[slates]`, positions of the users who were asked for.
        history: int32 `[slates, length]`, rows of what they had taken, oldest first, then zeros.
        rows: int32 `[slates, n]`, candidates, best first, 0 where the slate is shorter.
        labels: float32 `[slates, n]`, 1 for what came next, 0 for others, negative where the slate is shorter.
        ranking: float32 `[slates, n]`, scores of the ranking stage, never rising; 0 where the slate is shorter.
        retrieval: float32 `[slates, n]`, recall's log-probability of each candidate, 0 likewise.
    """

    user: np.ndarray
    history: np.ndarray
    rows: np.ndarray
    labels: np.ndarray
    ranking: np.ndarray
    retrieval: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def answered(self) -> np.ndarray:
        """Which slates hold what came next, bool `[slates]`: only these teach an order."""
        return np.asarray((self.labels > 0).any(axis=1))

    def take(self, chosen: np.ndarray | slice) -> "Slates":
        """Some of them, by number or bool `[slates]`."""
        return Slates(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def head(self, n: int) -> "Slates":
        """The same moments with the first n candidates of each."""
        parts = {name: getattr(self, name)[:, :n] for name in ("rows", "labels", "ranking", "retrieval")}
        return replace(self, **parts)

    def save(self, path: Path) -> None:
        """Writes a `.npz` file."""
        with open(path, "wb") as file:  # a path without the ending would be given one
            np.savez_compressed(file, **{field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, path: Path) -> "Slates":
        """What `save` wrote."""
        with np.load(path) as file:
            return cls(*(file[field.name] for field in fields(cls)))


def make_slates(lists: TrainingLists, ranking: np.ndarray, user: np.ndarray, *, n: int) -> Slates:
    """The n best of each list; of equals the one that recall put first, as when a slate is served.

    Args:
        lists: candidates at moments, without newcomers; retrieval's log-probability is their first feature.
        ranking: float `[lists, list]`, scores of the ranking stage.
        user: int `[lists]`.
        n: length of a slate.
    """
    present = lists.labels >= 0
    order = np.argsort(np.where(present, -ranking, np.inf), axis=1, kind="stable")[:, :n]

    def best(values: np.ndarray, absent: float) -> np.ndarray:
        return np.take_along_axis(np.where(present, values, np.asarray(absent, values.dtype)), order, 1)

    return Slates(
        np.asarray(user, np.int32),
        lists.inputs["history"],
        best(lists.inputs["candidates"], 0),
        best(lists.labels, MASKED),
        best(np.asarray(ranking, np.float32), 0),
        best(lists.inputs["features"][..., 0], 0),
    )


def ranked_slates(ranker: Ranker, lists: TrainingLists, user: np.ndarray, *, n: int) -> Slates:
    """`make_slates` by the scores of a ranker."""
    scores = ranker.predict(lists.inputs, batch_size=BATCH, verbose=0) if len(lists.labels) else lists.labels
    return make_slates(lists, scores, user, n=n)
