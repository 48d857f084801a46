"""The pointwise view of a ranking: does the probability that an item comes next mean what it says?

A *pair* is one candidate of one target's list; its label is whether it was the target. Pairs are many and answers few,
so the bins of the calibration error hold equally many pairs, not equally long stretches of probability.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

BINS = 15
_TINY = 1e-12


class Bin(NamedTuple):
    """Pairs of neighbouring probabilities: how many, what they were told on average, and how often it came true."""

    pairs: int
    told: float
    true: float


def pointwise_figures(labels: ArrayLike, probabilities: ArrayLike) -> dict[str, float | int | None]:
    """Figures of pairs `[n]`: AUC, log loss (nats), accuracy, F1 at one half, expected calibration error.

    `auc` is None without a pair of both kinds, all others where there is no pair.
    """
    y, p = np.asarray(labels, bool), np.asarray(probabilities, np.float64)
    if y.shape != p.shape or y.ndim != 1:
        raise ValueError(
            "`labels` and `probabilities` must be one number for each pair. "
            f"Received: shapes {y.shape} and {p.shape}"
        )
    names = ("auc", "log_loss", "accuracy", "f1", "ece", "told", "true")
    if not len(y):
        return {"pairs": 0, **dict.fromkeys(names)}
    says = p >= 0.5
    both = 2 * (says & y).sum() + (says ^ y).sum()
    values = (
        area_under_curve(y, p),
        float(-np.log(np.maximum(np.where(y, p, 1 - p), _TINY)).mean()),
        float((says == y).mean()),
        float(2 * (says & y).sum() / both) if both else None,
        calibration_error(y, p),
        float(p.mean()),
        float(y.mean()),
    )
    return {"pairs": len(y), **dict(zip(names, values, strict=True))}


def area_under_curve(y: NDArray[np.bool_], p: NDArray[np.float64]) -> float | None:
    """Probability that a true pair is told more than a false one, a tie counting half."""
    true = int(y.sum())
    if true in (0, len(y)):
        return None
    return float((rankdata(p)[y].sum() - true * (true + 1) / 2) / (true * (len(y) - true)))


def reliability(y: NDArray[np.bool_], p: NDArray[np.float64], bins: int = BINS) -> list[Bin]:
    """Bins of equally many pairs, by rising probability; empty ones are left out."""
    parts = np.array_split(np.argsort(p, kind="stable"), bins)
    return [Bin(len(part), float(p[part].mean()), float(y[part].mean())) for part in parts if len(part)]


def calibration_error(y: NDArray[np.bool_], p: NDArray[np.float64], bins: int = BINS) -> float:
    """Mean distance of what bins were told and what came true, weighted by pairs (Naeini et al. 2015)."""
    return sum(bin_.pairs * abs(bin_.told - bin_.true) for bin_ in reliability(y, p, bins)) / len(y)
