"""Which items appear near each other in histories: for each item its most similar others."""

import numpy as np
from scipy.sparse import csr_matrix

from tfrec.data.histories import Histories

REACH, BLOCK, AT_ONCE = 100, 1024, 4_000_000  # events; items; pairs of events


def neighbours(
    histories: Histories, items: int, k: int, *, distance_discount: float = 0.0, shrinkage: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest items of each item (item-kNN, Sarwar et al. 2001, doi:10.1145/371920.372071), by

        cos(i, j) = c_ij / √(n_i n_j),   c_ij = Σ d ** -distance_discount

    over the events with i and those with j that are d places apart in one history, `REACH` at most, and n the events
    with an item. With a discount of 0 and items that come once to a user this is the cosine of the items' users, in
    which somebody who took two thousand things ties every two of them as firmly as somebody who took two.

    What n users made is multiplied by `n / (n + shrinkage)`: two items that one user met, perhaps by chance, look as
    alike as two that all their users share (Bell and Koren 2007, doi:10.1109/ICDM.2007.90, section 3).

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
    shared = together(histories, items, 0.0) if shrinkage else near
    norms = np.sqrt(np.maximum(histories.counts(items), 1)).astype(np.float32)
    rows, cosines = np.zeros((items + 1, k), np.int32), np.zeros((items + 1, k), np.float32)
    for first in range(0, items, BLOCK):
        block = slice(first, first + BLOCK)
        similar = near[block].toarray() / (norms[block, None] * norms)
        if shrinkage:
            users = shared[block].toarray()
            similar *= users / (users + shrinkage)
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


def together(histories: Histories, items: int, discount: float) -> csr_matrix:
    """The c of `neighbours`, float32 `[items, items]`: symmetric, without a diagonal."""
    user, item = histories.user, histories.item
    total = csr_matrix((items, items), dtype=np.float32)
    waiting: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    furthest = min(REACH, int(histories.lengths.max(initial=1)) - 1)
    for distance in range(1, furthest + 1):
        place = np.flatnonzero((user[distance:] == user[:-distance]) & (item[distance:] != item[:-distance]))
        worth = np.full(len(place), distance**-discount, np.float32)
        waiting.append((item[place], item[place + distance], worth))
        if distance == furthest or sum(len(pair[0]) for pair in waiting) >= AT_ONCE:
            one, other, worths = (np.concatenate(parts) for parts in zip(*waiting, strict=True))
            total += csr_matrix((worths, (one, other)), shape=total.shape)
            waiting = []
    return total + total.T
