"""From ranking scores to probabilities that mean what they say: temperature and offset, fitted on lists held out."""

import numpy as np
from scipy.optimize import minimize


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
