"""How sure a figure is: percentile bootstrap over queries, of a mean or of a paired difference.

Drawing n queries with replacement and averaging a metric is the same as drawing multinomial counts of its
distinct values. A metric of one held-out item has few (recall two, ndcg@10 eleven), so thousands of resamples
cost milliseconds.

Reference: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13; paired as in Sakai,
"Evaluating evaluation metrics based on the bootstrap", SIGIR 2006.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

_COUNTS_AT_ONCE = 2_000_000


class Interval(NamedTuple):
    """An estimate and the ends of its interval."""

    mean: float
    low: float
    high: float


def mean_interval(
    values: ArrayLike, *, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Interval:
    """Bootstrap interval of the mean of per-query values `[queries]`.

    Args:
        values: one number for each query.
        level: probability that the interval covers, in (0, 1).
        resamples: how many times the queries are drawn anew.
        seed: of the draws; the same seed gives the same interval.

    Raises:
        ValueError: no values, values that are not finite, or a level outside (0, 1).
    """
    values = np.asarray(values, np.float64)
    _check(values, level)
    tail = (1 - level) / 2
    means = _resampled_means(values, resamples, np.random.default_rng(seed))
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(float(values.mean()), float(low), float(high))


def paired_difference(
    ours: ArrayLike, theirs: ArrayLike, *, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Interval:
    """Bootstrap interval of `mean(ours - theirs)` over the same queries, which are drawn together.

    Pairing takes away what both find easy or hard: this is much narrower than two separate intervals suggest.

    Args:
        ours: a metric for each query, `[queries]`.
        theirs: the same metric of the other model, in the same order.
        level: as in `mean_interval`.
        resamples: as in `mean_interval`.
        seed: as in `mean_interval`.
    """
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    if ours.shape != theirs.shape:
        raise ValueError(
            "`ours` and `theirs` must hold the same queries in the same order. "
            f"Received: shapes {ours.shape} and {theirs.shape}"
        )
    return mean_interval(ours - theirs, level=level, resamples=resamples, seed=seed)


def _resampled_means(
    values: NDArray[np.float64], resamples: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    distinct, count = np.unique(values, return_counts=True)
    at_once = max(1, _COUNTS_AT_ONCE // distinct.size)
    sizes = [min(at_once, resamples - start) for start in range(0, resamples, at_once)]
    draws = (rng.multinomial(values.size, count / values.size, size=size) for size in sizes)
    return np.concatenate([drawn @ distinct for drawn in draws]) / values.size


def _check(values: NDArray[np.float64], level: float) -> None:
    if values.ndim != 1 or values.size == 0:
        raise ValueError(
            f"`values` must be one number for each of at least one query. Received: shape {values.shape}"
        )
    if not np.isfinite(values).all():
        raise ValueError(f"`values` must be finite. Received: {(~np.isfinite(values)).sum()} that are not")
    if not 0 < level < 1:
        raise ValueError(f"`level` must lie between 0 and 1. Received: {level}")
