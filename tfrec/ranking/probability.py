"""From ranking scores to probabilities that mean what they say: a line or rising steps, fitted on lists held out."""

import numpy as np
from scipy.optimize import isotonic_regression, minimize

from tfrec.ranking.levels import KNOTS, TOP_SHARES


def fit_temperature(labels: np.ndarray, scores: np.ndarray) -> tuple[float, float]:
    """The slope a > 0 and the offset b for which `σ(a s + b)` makes the labels most likely (Platt 1999).

    1 / a is the temperature (Guo et al. 2017, "On Calibration of Modern Neural Networks"); the offset is needed because
    a list loss leaves the level of its scores free. Both classes count one pair more than there are, in halves, so
    that a few pairs of one kind are no certainty.

    Args:
        labels: `[lists, list]`, positive = it came next, negative = no candidate.
        scores: `[lists, list]`.
    """
    present = labels >= 0
    y, s = labels[present] > 0, scores[present].astype(np.float64)
    if not len(s):
        return 1.0, 0.0
    true, false = y.sum(), (~y).sum()
    target = np.where(y, (true + 0.5) / (true + 1), 0.5 / (false + 1))
    middle, spread = s.mean(), s.std() or 1.0
    z = (s - middle) / spread

    def loss(x: np.ndarray) -> tuple[float, np.ndarray]:
        slope = np.exp(x[0])
        logit = slope * z + x[1]
        off = 1 / (1 + np.exp(-np.clip(logit, -60, 60))) - target
        return float((np.logaddexp(0, logit) - target * logit).mean()), np.array(
            [(off * z).mean() * slope, off.mean()]
        )

    rate = target.mean()
    found = minimize(loss, [0.0, np.log(rate / (1 - rate))], jac=True, method="L-BFGS-B").x
    slope = float(np.exp(found[0]) / spread)
    return slope, float(found[1] - slope * middle)


def fit_isotonic(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """The rising function of the score that makes the squared error to the labels least, at knots to interpolate.

    Pool adjacent violators (Zadrozny & Elkan 2002, "Transforming classifier scores into accurate multiclass probability
    estimates"). It asks for no shape, and needs more pairs than `fit_temperature`. No pair is certain: probabilities
    keep half a pair from 0 and 1.

    Args:
        labels, scores: as of `fit_temperature`.

    Returns:
        scores and probabilities float32 `[2, KNOTS]`.
    """
    present = labels >= 0
    y, s = labels[present] > 0, scores[present].astype(np.float64)
    if not len(s):
        return np.stack([np.arange(KNOTS), np.full(KNOTS, 0.5)]).astype(np.float32)
    value, place, count = np.unique(s, return_inverse=True, return_counts=True)
    share = np.bincount(place, y) / count
    steps = isotonic_regression(share, weights=count).x
    knots = np.quantile(s, TOP_SHARES)
    edge = 0.5 / (len(s) + 1)
    return np.stack([knots, np.clip(np.interp(knots, value, steps), edge, 1 - edge)]).astype(np.float32)
