"""What a list of recommendations is worth, in numpy alone: values for each query first, their mean second.

The protocol (`protocol.py`) turns scores into two arrays, and everything here reads only those:

- `ranks`, int `[queries]`: the 0-based place of the one held-out item in the whole ranking; a negative rank
  says that the item is nowhere in it.
- `top`, int `[queries, list]`: the positions of the items shown, best first; -1 is a place that stays empty.

One held-out item for each query makes recall@k the same number as the hit rate, and the ideal DCG equal to 1.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.float64]
Metrics: TypeAlias = dict[str, float | int | None]

_ROWS_AT_ONCE = 4096


def recall_at_k(ranks: ArrayLike, k: int) -> Floats:
    """`1[0 <= rank < k]`, float64 `[queries]`. A k beyond the catalogue finds every ranked item."""
    return _is_within(np.asarray(ranks), k).astype(np.float64)


def ndcg_at_k(ranks: ArrayLike, k: int) -> Floats:
    """`1[0 <= rank < k] / log2(rank + 2)`, float64 `[queries]`.

    Reference: Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 2002, with
    one relevant item of gain 1.
    """
    ranks = np.asarray(ranks)
    return _is_within(ranks, k) / np.log2(np.maximum(ranks, 0) + 2.0)


def reciprocal_rank(ranks: ArrayLike) -> Floats:
    """`1 / (rank + 1)` over the whole ranking, float64 `[queries]`; 0 where the item is nowhere in it."""
    ranks = np.asarray(ranks)
    return (ranks >= 0) / (np.maximum(ranks, 0) + 1.0)


def coverage_at_k(top: ArrayLike, n_items: int, k: int = 20) -> float:
    """Share of the catalogue that some list shows in its first k places: `|union of lists| / n_items`."""
    check_k(k)
    if n_items < 1:
        raise ValueError(f"`n_items` must be at least 1, the size of the catalogue. Received: {n_items}")
    shown = np.asarray(top)[:, :k]
    return np.unique(shown[shown >= 0]).size / n_items


def intra_list_distance(top: ArrayLike, vectors: NDArray[np.floating]) -> Floats:
    """Mean cosine distance between the items of a list, over its pairs: float64 `[queries]`.

    With unit vectors `v` of the m items of a list the sum over ordered pairs is `|sum v|^2 - m`, so the mean
    distance is `1 - (|sum v|^2 - m) / (m (m - 1))`: no pair is ever formed. Empty places and items whose
    vector is zero (they have no text) are absent; a list with fewer than two items left has no distance and
    gives NaN.

    Args:
        top: positions of the items, int `[queries, list]`, -1 for an empty place.
        vectors: language vectors of the catalogue, `[items, dim]`, of any length.
    """
    top = np.asarray(top)
    parts = [_list_distance(top[s : s + _ROWS_AT_ONCE], vectors) for s in range(0, len(top), _ROWS_AT_ONCE)]
    return np.concatenate(parts) if parts else np.zeros(0)


PER_QUERY: Mapping[str, Callable[[ArrayLike], Floats]] = {
    "recall@10": partial(recall_at_k, k=10),
    "ndcg@10": partial(ndcg_at_k, k=10),
    "recall@20": partial(recall_at_k, k=20),
    "ndcg@20": partial(ndcg_at_k, k=20),
    "mrr": reciprocal_rank,
}
"""The metrics that every query has a value of, by their key in metrics.json."""


def summarise(
    ranks: ArrayLike,
    top: ArrayLike,
    n_items: int,
    *,
    vectors: NDArray[np.floating] | None = None,
    users: int | None = None,
) -> Metrics | None:
    """The keys of metrics.json for one set of queries, or None where there is no query.

    Args:
        ranks: int `[queries]`.
        top: int `[queries, list]`.
        n_items: size of the catalogue, for the coverage.
        vectors: language vectors `[items, dim]`; without them `ild@20` is None.
        users: how many people asked; one for each query if not given.
    """
    ranks, top = np.asarray(ranks), np.asarray(top)
    if ranks.size == 0:
        return None
    means = {name: float(metric(ranks).mean()) for name, metric in PER_QUERY.items()}
    return {
        "users": ranks.size if users is None else users,
        "targets": ranks.size,
        **means,
        "coverage@20": coverage_at_k(top, n_items, k=20),
        "ild@20": None if vectors is None else _mean_or_none(intra_list_distance(top[:, :20], vectors)),
    }


def check_k(k: int) -> None:
    """Raises ValueError unless k is at least 1."""
    if k < 1:
        raise ValueError(f"`k` must be at least 1. Received: {k}")


def _is_within(ranks: NDArray[np.integer], k: int) -> NDArray[np.bool_]:
    check_k(k)
    return (ranks >= 0) & (ranks < k)


def _list_distance(top: NDArray[np.integer], vectors: NDArray[np.floating]) -> Floats:
    total = np.zeros((len(top), vectors.shape[1]))
    size = np.zeros(len(top))
    for place in top.T:  # one place of all lists at a time: [queries, list, dim] would not fit
        vector = vectors[np.maximum(place, 0)].astype(np.float64)
        length = np.linalg.norm(vector, axis=1)
        is_there = (place >= 0) & (length > 0)
        total[is_there] += vector[is_there] / length[is_there, None]
        size += is_there
    pairs = size * (size - 1)
    similarity = np.full(len(top), np.nan)
    np.divide((total**2).sum(axis=1) - size, pairs, out=similarity, where=pairs > 0)
    return 1.0 - similarity


def _mean_or_none(values: Floats) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else None
