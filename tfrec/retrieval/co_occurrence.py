"""Which items appear near each other in histories: for each item its most similar others."""

from collections.abc import Iterator

import numpy as np

from tfrec.data.histories import Histories

REACH, BLOCK = 100, 1024  # events; items


def neighbours(
    histories: Histories, items: int, k: int, *, distance_discount: float = 0.0, shrinkage: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest items of each item (item-kNN, Sarwar et al. 2001, doi:10.1145/371920.372071), by

        cos(i, j) = c_ij / √(n_i n_j),   c_ij = Σ d ** -distance_discount

    over the events with i and those with j that are d places apart in one history, `REACH` at most, and n the events
    with an item. With a discount of 0, items that come once to a user and histories within the reach this is the cosine
    of the items' users, in which somebody who took a hundred things ties every two as firmly as somebody who took two.

    What n pairs of events made (n users, where none repeats an item) is multiplied by `n / (n + shrinkage)`: two items
    that one user met, perhaps by chance, look as alike as two that all their users share (Bell and Koren 2007,
    doi:10.1109/ICDM.2007.90, section 3).

    Args:
        histories: of all users.
        items: size of the catalogue.
        k: neighbours kept.
        distance_discount: 0 = events count the same however far apart they are.
        shrinkage: users; 0 = the cosine as it is.

    Returns:
        rows int32 `[items + 1, k]` (position + 1; 0 = none) and cosines float32 `[items + 1, k]`, best first;
        line 0 is empty.
    """
    near = together(histories, items, distance_discount)
    shared = together(histories, items, 0.0)  # counted only if it is asked for
    norms = np.sqrt(np.maximum(histories.counts(items), 1)).astype(np.float32)
    rows, cosines = np.zeros((items + 1, k), np.int32), np.zeros((items + 1, k), np.float32)
    for first, tied in zip(range(0, items, BLOCK), near, strict=True):
        similar = tied / (norms[first : first + BLOCK, None] * norms)
        if shrinkage:
            pairs = next(shared)
            similar *= pairs / (pairs + shrinkage)
        kept = min(k, items)
        top = np.argpartition(-similar, kept - 1, axis=1)[:, :kept]
        top = np.take_along_axis(
            top, np.argsort(-np.take_along_axis(similar, top, 1), axis=1, kind="stable"), 1
        )
        value = np.take_along_axis(similar, top, 1)
        lines = slice(first + 1, first + 1 + len(similar))
        cosines[lines, :kept] = value
        rows[lines, :kept] = np.where(value > 0, top + 1, 0)
    return rows, cosines


def together(histories: Histories, items: int, discount: float) -> Iterator[np.ndarray]:
    """The c of `neighbours` in blocks of `BLOCK` items, float32 `[block, items]` each: 0 of an item with itself.

    Only one block is in memory, however many pairs of events there are.
    """
    user, item = histories.user, histories.item
    by_item = np.argsort(item, kind="stable")
    furthest = min(REACH, int(histories.lengths.max(initial=1)) - 1)
    for first in range(0, items, BLOCK):
        own = np.arange(first, min(first + BLOCK, items))
        start, end = np.searchsorted(item, [first, own[-1] + 1], sorter=by_item)
        events = by_item[start:end]
        tied = np.zeros((len(own), items), np.float32)
        for distance in range(1, furthest + 1):
            for other in (events - distance, events + distance):
                near = np.flatnonzero((other >= 0) & (other < len(item)))
                near = near[user[other[near]] == user[events[near]]]
                cells = (item[events[near]].astype(np.int64) - first) * items + item[other[near]]
                np.add.at(tied.ravel(), cells, np.float32(distance**-discount))
        tied[own - first, own] = 0
        yield tied
