"""Users who do not behave as people who choose do: bots and bulk buyers, by their distance from the median user.

`tfrec data` names them; `data.abnormal` says how much is learned from them (`tfrec.data.worth`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tfrec.data.dataset import Dataset
from tfrec.data.histories import pair_codes

FAR = 3.5  # Iglewicz and Hoaglin 1993, "How to Detect and Handle Outliers": potential outliers are beyond it
LEAST = 5  # events; of fewer only the number says something
NAMED = 5
# trait → the least that counts as one deviation, however alike the users are
TRAITS = {"activity": 0.5, "haste": 0.5, "repetition": 0.1, "taste": 0.25}


@dataclass(frozen=True, eq=False)
class Abnormality:
    """How far users stand from the median in each trait, in robust standard deviations, on its suspicious side.

    Args:
        distance: float64 `[users, traits]`: `(x − median) / max(1.4826 · median |x − median|, least)` of

            activity    log(1 + events)
            haste       log(events for each moment with any)
            repetition  share of the events that repeat an earlier item
            taste       − mean log(1 + users) over the items: nobody else's items, as a random walk finds them
    """

    distance: np.ndarray

    @property
    def found(self) -> np.ndarray:
        """Who stands out in some trait, bool `[users]`."""
        return np.asarray((self.distance > FAR).any(axis=1))


def find_abnormal(user: np.ndarray, item: np.ndarray, time: np.ndarray, *, users: int) -> Abnormality:
    """Judges users by their interactions, of users and items int `[interactions]` and times float `[interactions]`."""
    events = np.bincount(user, minlength=users)
    pairs = np.unique(pair_codes(user, item))
    owner, met = pairs >> 32, pairs & 0xFFFFFFFF
    distinct = np.bincount(owner, minlength=users)
    popularity = np.log1p(np.bincount(met))
    moments = _distinct_times(user, time, users)
    with np.errstate(divide="ignore", invalid="ignore"):
        traits = {
            "activity": np.log1p(events),
            "haste": np.log(events / moments),
            "repetition": 1 - distinct / events,
            "taste": -np.bincount(owner, popularity[met], minlength=users) / distinct,
        }
    told = {name: events >= (1 if name == "activity" else LEAST) for name in traits}
    return Abnormality(
        np.stack([_distance(traits[name], told[name], TRAITS[name]) for name in TRAITS], axis=1)
    )


def describe_abnormal(dataset: Dataset) -> Iterator[str]:
    """Lines for `tfrec data`: how many stand out, in what, and the furthest by name."""
    user, item, time = dataset.coded_interactions()
    abnormality = find_abnormal(user, item, time, users=len(dataset.user_ids))
    count = int(abnormality.found.sum())
    if not count:
        yield "none stands out"
        return
    beyond = (abnormality.distance > FAR).sum(0)
    yield f"{count:,} of {len(dataset.user_ids):,}: " + ", ".join(
        f"{name} {number:,}" for name, number in zip(TRAITS, beyond, strict=True)
    )
    furthest = abnormality.distance.max(1)
    for number in np.argsort(-furthest, kind="stable")[: min(NAMED, count)]:
        trait = [*TRAITS][int(abnormality.distance[number].argmax())]
        yield f"{dataset.user_ids[number]}: {trait}, {furthest[number]:.1f} deviations from the median"
    yield "data.abnormal=0.2 lets them count a fifth in training"


def _distinct_times(user: np.ndarray, time: np.ndarray, users: int) -> np.ndarray:
    order = np.lexsort((time, user))
    is_new = np.diff(user[order], prepend=-1) != 0
    is_new |= np.diff(time[order], prepend=np.nan) != 0
    return np.bincount(user[order][is_new], minlength=users)


def _distance(values: np.ndarray, told: np.ndarray, least: float) -> np.ndarray:
    distance = np.zeros(len(values))
    if told.any():
        off = values[told] - np.median(values[told])
        distance[told] = off / max(1.4826 * np.median(np.abs(off)), least)
    return distance
