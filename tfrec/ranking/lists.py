"""Training lists for the ranker: what retrieval answers at a moment in the past, and which of it came next.

The moments are the last interactions of each user, and the retrieval model that answers has not learned from any of
them: on what a model was trained on, its scores are better than they will be in use.
"""

from dataclasses import dataclass

import numpy as np

from tfrec.data.histories import Histories
from tfrec.data.splits import Targets

SHARE, MOST, LEAST_HISTORY = 0.1, 10, 2


@dataclass(frozen=True, eq=False)
class Moments:
    """Points in some users' past, each with what came before and the item that came next.

    Args:
        user: int32 `[moments]`.
        place: int64 `[moments]`; how many of the user's interactions lie before.
        row: int32 `[moments]`, the next item's row.
    """

    user: np.ndarray
    place: np.ndarray
    row: np.ndarray

    def __len__(self) -> int:
        return len(self.user)


def held_out(h: Histories) -> np.ndarray:
    """How many of each user's last interactions are held out for ranking, int64 `[users]`.

    A tenth, one at least and `MOST` at most; none of a user who would keep fewer than `LEAST_HISTORY`.
    """
    wanted = np.clip(np.ceil(h.lengths * SHARE), 1, MOST).astype(np.int64)
    return np.where(h.lengths - wanted >= LEAST_HISTORY, wanted, 0)


def ranking_moments(h: Histories, most: int, seed: int) -> Moments:
    """The held-out interactions as moments, at most `most` of them, drawn at random."""
    chosen = np.flatnonzero(h.place >= np.repeat(h.lengths - held_out(h), h.lengths))
    if len(chosen) > most:
        chosen = np.sort(np.random.default_rng(seed).choice(chosen, most, replace=False))
    return Moments(h.user[chosen], h.place[chosen], h.item[chosen] + 1)


def moments_of(past: Histories, targets: Targets) -> Moments:
    """The moments just after each target user's `past`, with the targets as what came next."""
    return Moments(targets.user, past.lengths[targets.user], targets.item + 1)


def history_rows(h: Histories, moments: Moments, length: int) -> np.ndarray:
    """The newest `length` rows before each moment, int32 `[moments, length]`, oldest first, zeros at the right."""
    sizes = np.minimum(moments.place, length)
    column = np.arange(length)
    first = h.start[moments.user] + moments.place - sizes
    flat = np.minimum(first[:, None] + column, len(h.item) - 1)
    return np.where(column < sizes[:, None], h.item[flat] + 1, 0).astype(np.int32)
