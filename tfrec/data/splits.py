"""Holds interactions back for validation and test, without leakage.

`last-out` keeps each longer user's last item for test and the one before for validation; `time` cuts
everybody at the same two moments. Both are stable: of equal timestamps the earlier file row is the earlier
interaction. `hidden_items` names the items that a cold-start measurement takes out of training altogether.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tfrec.data.errors import DatasetError
from tfrec.data.histories import Histories

How = Literal["last-out", "time"]


@dataclass(frozen=True, eq=False)
class Targets:
    """One held-out item for each listed user.

    Args:
        user: int32 `[n]`, ascending, each user once.
        item: int32 `[n]`, positions.
        event: int32 `[n]`, the row of the interactions table that each one is; by default -1, none of them.
    """

    user: np.ndarray
    item: np.ndarray
    event: np.ndarray = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.event is None:
            object.__setattr__(self, "event", np.full(len(self.user), -1, np.int32))

    def __len__(self) -> int:
        return len(self.user)


@dataclass(frozen=True, eq=False)
class Split:
    """What may be learned from, and what is asked, at validation and at test.

    Args:
        train: all that lies before the validation target; models that are validated learn from it.
        valid: targets whose history is `train`.
        refit: all that lies before the test target; models that are tested learn from it.
        test: targets whose history is `refit`.
    """

    train: Histories
    valid: Targets
    refit: Histories
    test: Targets


def split(h: Histories, how: How = "last-out") -> Split:
    """Splits by `last-out` or `time`.

    Raises:
        DatasetError: when nothing can be held out, nothing is left to learn from, or times run backwards in a
            history.
    """
    if how == "last-out":
        return last_out(h)
    if how == "time":
        return time_split(h)
    raise ValueError(f"`how` must be 'last-out' or 'time'. Received: {how!r}")


def last_out(h: Histories) -> Split:
    """A user's last interaction is the test, the one before the validation.

    Users with fewer than 3 distinct items are in both training sets with all they have, and are not tested.
    """
    user = np.flatnonzero(h.distinct() >= 3)
    if not len(user):
        raise DatasetError(
            "the split 'last-out' found no user with 3 different items, so nothing can be held out. "
            "Bring more interactions, or use the split 'time'."
        )
    held = np.zeros(len(h), np.int64)
    held[user] = 1
    last = h.start[user + 1] - 1
    return _checked_split(h, h.head(h.lengths - 2 * held), last - 1, h.head(h.lengths - held), last)


def time_split(h: Histories, *, cuts: tuple[float, float] = (0.8, 0.9)) -> Split:
    """Two global moments: train before the first, validate up to the second, refit before it, test after it.

    A user's target is the first interaction at or after the moment (for validation, and before the second
    moment), which is never in the history unless repeats are kept. Users without an earlier interaction are
    targets too: the new users.

    Args:
        cuts: the two moments as quantiles of all interaction times.
    """
    if not 0 < cuts[0] < cuts[1] < 1:
        raise ValueError(f"`cuts` must be two rising shares between 0 and 1. Received: {cuts}")
    moment = np.quantile(h.time, cuts)
    train, refit = h.keep(h.time < moment[0]), h.keep(h.time < moment[1])
    valid = _first_rows(h.start[:-1] + train.lengths, h.start[:-1] + refit.lengths)
    test = _first_rows(h.start[:-1] + refit.lengths, h.start[1:])
    if not (len(train.item) and len(valid) and len(test)):
        raise DatasetError(
            f"the split 'time' needs interactions before timestamp {moment[0]:.0f}, from there to "
            f"{moment[1]:.0f}, and after. "
            f"Received: {len(train.item)}, {len(refit.item) - len(train.item)} and "
            f"{len(h.item) - len(refit.item)}. Bring data that spans more time, or use the split 'last-out'."
        )
    return _checked_split(h, train, valid, refit, test)


def check_no_leakage(
    history: Histories, targets: Targets, times: np.ndarray, *, repeats: bool = False
) -> None:
    """Raises DatasetError when a history knows its own target or what came after it.

    Args:
        history: what a model may learn from.
        targets: what it is asked for.
        times: float64 `[n]`, when each target happened.
        repeats: True allows that a target is also an earlier item of its user.
    """
    known = history.lengths[targets.user] > 0
    late = np.zeros(len(targets), bool)
    late[known] = history.time[history.start[targets.user[known] + 1] - 1] > times[known]
    if late.any():
        raise DatasetError(
            f"leakage: {late.sum()} targets are earlier than the end of their own history "
            f"(first: user number {targets.user[late][0]}). Sort the interactions by time before splitting."
        )
    seen = history.holds(targets.user, targets.item) & (not repeats)
    if seen.any():
        raise DatasetError(
            f"leakage: {seen.sum()} targets are in their own history "
            f"(first: user number {targets.user[seen][0]}). Count only first interactions, or allow repeats."
        )


def hidden_items(n_items: int, share: float, seed: int) -> np.ndarray:
    """A random `share` of the catalogue, to hide from training and to measure as cold, bool `[n_items]`."""
    if not 0 <= share < 1:
        raise ValueError(f"`share` must lie in [0, 1). Received: {share}")
    hidden = np.zeros(n_items, bool)
    hidden[np.random.default_rng(seed).choice(n_items, int(n_items * share), replace=False)] = True
    return hidden


def _checked_split(
    h: Histories, train: Histories, valid: np.ndarray, refit: Histories, test: np.ndarray
) -> Split:
    """Makes the targets of the interactions numbered `valid` and `test`, and refuses leakage."""
    if ((np.diff(h.time) < 0) & (np.diff(h.user) == 0)).any():
        raise DatasetError(
            "leakage: times run backwards within a history. Sort the interactions before splitting."
        )
    result = Split(train, _targets(h, valid), refit, _targets(h, test))
    repeats = h.has_repeats()
    check_no_leakage(train, result.valid, h.time[valid], repeats=repeats)
    check_no_leakage(refit, result.test, h.time[test], repeats=repeats)
    return result


def _targets(h: Histories, rows: np.ndarray) -> Targets:
    return Targets(h.user[rows], h.item[rows], h.event[rows])


def _first_rows(first: np.ndarray, stop: np.ndarray) -> np.ndarray:
    """The first row of each user's half-open range, for users whose range is not empty."""
    return first[first < stop]
