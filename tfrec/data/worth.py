"""What each interaction is worth to those who learn from it: its grade by kind of event and rating, and its weight.

Read from the interactions table for one fit, from what lies before its targets alone. Towers and ranker look their
interactions up here; without `data.event_weights`, `data.ratings` or `data.abnormal` there is nothing to look up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tfrec.config import DataConfig
from tfrec.data.abnormal_users import find_abnormal
from tfrec.data.dataset import Dataset
from tfrec.data.errors import DatasetError
from tfrec.data.histories import Histories, pair_codes


@dataclass(frozen=True, eq=False)
class Worth:
    """Of every row of the interactions table + 1; place 0 stands for an interaction that is in no table.

    Args:
        grade: float32 `[interactions + 1]` in [0, 1]: how much of a success it was; the best kind of event has 1.
        weight: float32 `[interactions + 1]`: how much is learned from it.
    """

    grade: np.ndarray
    weight: np.ndarray

    @property
    def product(self) -> np.ndarray:
        """Grade times weight: for losses that know no grades, float32 `[interactions + 1]`."""
        return self.grade * self.weight

    def of_order(self) -> Worth:
        """Every success alike, and weighed by its grade: for losses of the order of one success among others."""
        return Worth(np.ones_like(self.grade), self.product)


def learn_worth(dataset: Dataset, whole: Histories, past: Histories, config: DataConfig) -> Worth | None:
    """What interactions before the targets of a fit are worth; None where all are worth the same.

    Args:
        dataset: its interactions may have the columns `event` and `rating`.
        whole: all histories; `past`: what lies before the targets, the first part of each.
        config: `event_weights`, `ratings` and `winsorise` say what a grade is, `abnormal` whose weight is lowered.

    Raises:
        DatasetError: a column that the settings speak of is missing, or an event has no weight.
    """
    if not (config.event_weights or config.ratings or config.abnormal < 1):
        return None
    user, item, time = dataset.coded_interactions()
    known = before_targets(whole, past, user)
    grade, weight = np.ones(len(user)), np.ones(len(user))
    if config.abnormal < 1:
        judged = find_abnormal(user[known], item[known], time[known], users=len(whole))
        weight[judged.found[user]] = config.abnormal
    if config.event_weights:
        grade *= event_grades(_column(dataset, "event", "event_weights"), config.event_weights)
    if config.ratings:
        rating = pd.to_numeric(_column(dataset, "rating", "ratings"), errors="coerce").to_numpy(float)
        by = user if config.ratings == "user" else np.zeros_like(user)
        grade[known] *= rating_grades(rating[known], by[known], config.winsorise)
    if (
        config.repeats == "first"
    ):  # the pair stands in the history once, and may have ended better than it began
        pairs = pair_codes(user, item)[known]
        grade[known] = pd.Series(grade[known]).groupby(pairs).transform("max")
    return Worth(_from_one(np.where(known, grade, 1)), _from_one(weight))


def before_targets(whole: Histories, past: Histories, user: np.ndarray) -> np.ndarray:
    """Which rows of the interactions table, of users int `[interactions]`, lie before what a fit is asked for."""
    goes_on = whole.lengths > past.lengths
    limit = np.full(len(whole), len(user))
    limit[goes_on] = whole.event[(whole.start[:-1] + past.lengths)[goes_on]]
    return np.arange(len(user)) < limit[user]


def event_grades(events: pd.Series, weights: dict[str, float]) -> np.ndarray:
    """The weight of each event as a share of the largest, float `[events]`.

    Raises:
        DatasetError: an event has no weight.
    """
    found = events.astype(object).map(weights)
    if found.isna().any():
        unnamed = sorted({str(event) for event in events[found.isna()].unique()})
        raise DatasetError(
            "`data.event_weights` must name every kind of event. "
            f"Received: no weight for {', '.join(map(repr, unnamed[:5]))}. Add it, 0 if nothing is learned from it."
        )
    return found.to_numpy(float) / max(weights.values())


def rating_grades(rating: np.ndarray, by: np.ndarray, share: float) -> np.ndarray:
    """Ratings, clipped at their quantiles (winsorised), on a line from 0 for the lowest to 1 for the highest.

    Args:
        rating: float `[ratings]`, NaN = not rated: the mean grade.
        by: int `[ratings]`, whose quantiles; all alike for those of everybody.
        share: how many are clipped at each end, in [0, 0.5).
    """
    values = pd.Series(rating)
    group = values.groupby(by)
    clipped = values.clip(group.transform("quantile", share), group.transform("quantile", 1 - share))
    low, high = clipped.min(), clipped.max()
    if not high > low:
        return np.ones(len(rating))
    grade = (clipped - low) / (high - low)
    return np.asarray(grade.fillna(grade.mean()), float)


def _column(dataset: Dataset, name: str, setting: str) -> pd.Series:
    if name not in dataset.interactions:
        others = ", ".join(dataset.schema.interactions) or "none"
        raise DatasetError(
            f"`data.{setting}` needs a column {name!r} of the interactions. Received: {others}. "
            f"Name the column so, or leave the setting out."
        )
    return dataset.interactions[name]


def _from_one(values: np.ndarray) -> np.ndarray:
    return np.append(1.0, values).astype(np.float32)
