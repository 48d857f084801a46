"""How an index of vectors is measured, whoever made it: one query at a time, recall beside time. numpy alone."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

K = 100
PATIENCE = 20.0  # seconds for one round; a slow index is asked fewer queries


def figures(
    find: Callable[[np.ndarray], np.ndarray], queries: np.ndarray, truth: np.ndarray, repeats: int
) -> dict[str, Any]:
    """Recall, and the median over rounds of the percentiles of a round.

    Args:
        find: from one query float32 `[1, dim]` to the positions of its K best.
        queries: float32 `[queries, dim]`.
        truth: int `[queries, K]`, the positions that are right.
        repeats: rounds over all queries.

    Returns:
        `recall`, `p50_ms` and `p90_ms`, and the `rounds` they are medians of.
    """
    started = time.perf_counter()
    for query in queries[:10]:
        find(query[None])
    queries = queries[: max(10, int(PATIENCE / ((time.perf_counter() - started) / 10)))]
    found = [np.asarray(find(query[None])).ravel() for query in queries]
    shares = [np.isin(right, answer).mean() for right, answer in zip(truth, found, strict=False)]
    rounds = [_round(find, queries) for _ in range(repeats)]
    p50, p90 = np.median(rounds, axis=0)
    return {"recall": float(np.mean(shares)), "p50_ms": float(p50), "p90_ms": float(p90), "rounds": rounds}


def _round(find: Callable[[np.ndarray], np.ndarray], queries: np.ndarray) -> list[float]:
    seconds = []
    for query in queries:
        started = time.perf_counter()
        find(query[None])
        seconds.append(time.perf_counter() - started)
    return (np.percentile(seconds, [50, 90]) * 1e3).tolist()
