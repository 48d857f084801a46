"""What a score is made of: integrated gradients over a ranker's inputs, Shapley values over the events behind them.

Both are complete: the parts add up to the score less that of the baseline, but for an error that is told.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfrec.ranking.ranker import Embedded, Ranker


class Parts(NamedTuple):
    """A score taken apart.

    Attributes:
        base: the score of the baseline.
        score: the score.
        features: float64 `[features]`, what each pair feature adds; exact for the linear part of a ranker.
        history: float64 `[length]`, what each event adds by its vectors.
        error: the score less base and parts: what the integral misses by its finite steps.
    """

    base: float
    score: float
    features: np.ndarray
    history: np.ndarray
    error: float


def integrated_gradients(ranker: Ranker, inputs: dict[str, tf.Tensor], *, steps: int = 64) -> Parts:
    """The parts of the score of one pair, along the straight line from the baseline.

    The baseline has the mean features of training, and events without vectors. `x_i − x'_i` times the mean gradient
    at the middle of `steps` equal pieces (Sundararajan et al. 2017, "Axiomatic Attribution for Deep Networks", eq. 1).

    Args:
        ranker: trained.
        inputs: of the ranker, for one list of one candidate.
        steps: pieces of the line.
    """
    middle = (tf.range(steps, dtype=tf.float32)[:, None, None] + 0.5) / steps
    features, none = inputs["features"], tf.reshape(ranker.scale.adapt_mean, [1, 1, -1])
    vectors = ranker.embedded(inputs)
    moving = [features - none, vectors.events, vectors.event_texts]

    def at(share: tf.Tensor) -> tuple[list[tf.Tensor], Callable[[list[tf.Tensor]], tf.Tensor]]:
        count = tf.shape(share)[0]
        rows = {name: tf.repeat(inputs[name], count, 0) for name in ("candidates", "history")}
        still = [tf.repeat(part, count, 0) for part in (vectors.candidates, vectors.texts)]

        def score(moved: list[tf.Tensor]) -> tf.Tensor:
            embedded = Embedded(still[0], moved[1], still[1], moved[2])
            return ranker.score({**rows, "features": none + moved[0]}, embedded)

        return [share * part for part in moving], score

    moved, score = at(middle)
    with tf.GradientTape() as tape:
        tape.watch(moved)
        total = tf.reduce_sum(score(moved))
    slopes = tape.gradient(total, moved, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    adds = [
        tf.cast(part[0] * tf.reduce_mean(slope, 0), tf.float64).numpy()
        for part, slope in zip(moving, slopes, strict=True)
    ]
    ends, score = at(tf.constant([0.0, 1.0])[:, None, None])
    base, whole = score(ends).numpy()[:, 0].astype(float)
    history = adds[1].sum(-1) + adds[2].sum(-1)
    error = whole - base - adds[0].sum() - history.sum()
    return Parts(base, whole, adds[0][0], history, float(error))


def shapley_values(
    value: Callable[[np.ndarray], np.ndarray], players: int, *, orders: int = 8, seed: int = 0
) -> tuple[np.ndarray, float]:
    """What each player adds to the value of all, on average over orders of joining (Castro et al. 2009).

    Each drawn order is also gone backwards. Within an order what the players add is exactly the value of all less that
    of none, so the estimate is complete whatever the number of orders.

    Args:
        value: bool `[n, players]`, who is there → float `[n]`.
        players: how many.
        orders: how many orders are drawn.
        seed: of the draw.

    Returns:
        float64 `[players]`, and the value of all less that of none and the parts (rounding).
    """
    rng = np.random.default_rng(seed)
    drawn = np.stack([rng.permutation(players) for _ in range(orders)])
    joining = np.concatenate([drawn, drawn[:, ::-1]])
    place = np.argsort(joining, axis=1)
    there = place[:, None, :] < np.arange(players + 1)[None, :, None]
    values = value(there.reshape(-1, players)).astype(np.float64).reshape(len(joining), players + 1)
    added = np.take_along_axis(np.diff(values, axis=1), place, axis=1).mean(0)
    return added, float(values[0, -1] - values[0, 0] - added.sum())
