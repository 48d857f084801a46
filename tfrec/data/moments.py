"""Points in some users' past, each with what came before and the item that came next.

The last interactions of each user are held out from recall's first training: stages that learn from recall's answers
need answers to what it has not learned from; on that, its scores are better than they will be in use.
"""

from dataclasses import dataclass

import numpy as np

from tfrec.data.histories import Histories
from tfrec.data.splits import Targets

SHARE, MOST, LEAST_HISTORY = 0.1, 10, 2


@dataclass(frozen=True, eq=False)
class Moments:
    """Points in some users' past.

    Args:
        user: int32 `[moments]`.
        place: int64 `[moments]`; how many of the user's interactions lie before.
        row: int32 `[moments]`, the next item's row.
        event: int32 `[moments]`, what came next as a row of the interactions table; by default -1, none of them.
    """

    user: np.ndarray
    place: np.ndarray
    row: np.ndarray
    event: np.ndarray = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.event is None:
            object.__setattr__(self, "event", np.full(len(self.user), -1, np.int32))

    def __len__(self) -> int:
        return len(self.user)

    def take(self, chosen: np.ndarray | slice) -> "Moments":
        """Some of them."""
        return Moments(self.user[chosen], self.place[chosen], self.row[chosen], self.event[chosen])


def held_out(h: Histories) -> np.ndarray:
    """How many of each user's last interactions are held out, int64 `[users]`.

    A tenth, one at least and `MOST` at most; none of a user who would keep fewer than `LEAST_HISTORY`.
    """
    wanted = np.clip(np.ceil(h.lengths * SHARE), 1, MOST).astype(np.int64)
    return np.where(h.lengths - wanted >= LEAST_HISTORY, wanted, 0)


def held_out_moments(h: Histories, most: int, seed: int) -> Moments:
    """The held-out interactions as moments, at most `most` of them, drawn at random."""
    chosen = np.flatnonzero(h.place >= np.repeat(h.lengths - held_out(h), h.lengths))
    if len(chosen) > most:
        chosen = np.sort(np.random.default_rng(seed).choice(chosen, most, replace=False))
    return Moments(h.user[chosen], h.place[chosen], h.item[chosen] + 1, h.event[chosen])


def moments_of(past: Histories, targets: Targets) -> Moments:
    """The moments just after each target user's `past`, with the targets as what came next."""
    return Moments(targets.user, past.lengths[targets.user], targets.item + 1, targets.event)


def history_rows(h: Histories, moments: Moments, length: int | None = None) -> np.ndarray:
    """The newest `length` rows (None = all) before each moment, int32 `[moments, length]`, oldest first, then zeros."""
    length = length or int(moments.place.max(initial=1))
    sizes = np.minimum(moments.place, length)
    column = np.arange(length)
    first = h.start[moments.user] + moments.place - sizes
    flat = np.minimum(first[:, None] + column, len(h.item) - 1)
    return np.where(column < sizes[:, None], h.item[flat] + 1, 0).astype(np.int32)
