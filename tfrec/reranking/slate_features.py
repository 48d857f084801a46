"""What a slate says of each of its candidates before anything is learned: numbers that need the others, or the history.

Raw vectors would be learned by heart: there are a few thousand slates. What two vectors have in common carries over.
"""

from typing import Any, NamedTuple

import keras
from keras import ops

from tfrec.ranking.features import recency

Tensor = Any

FAR, FLOOR = -1e9, -12.0  # of a logit that does not count; of a log-probability
LEAST_SPREAD = 1e-3  # variance added to that of the scores, so that equal ones have a deviation
ALIKE = ("nearest", "nearest_above", "mean", "central", "last_event", "recent_events", "nearest_event")
VECTORS = ("behaviour", "text")
NAMES = (
    *(f"{stage}_{name}" for stage in ("ranking", "retrieval") for name in ("log_share", "deviation")),
    *(f"{vectors}_{name}" for vectors in VECTORS for name in ALIKE),
)


class SlateVectors(NamedTuple):
    """The cached vectors of the catalogue that slates are read by, float32 `[items, …]` by row, of any length.

    Attributes:
        behaviour: of the towers, as the ranker has them.
        text: of recall's content space.
    """

    behaviour: Tensor
    text: Tensor


def slate_features(
    vectors: SlateVectors, rows: Tensor, history: Tensor, ranking: Tensor, retrieval: Tensor
) -> Tensor:
    """Numbers in the order of `NAMES`, float32 `[batch, n, features]`, 0 where there is no candidate.

    Of the stages' scores: the logarithm of a candidate's share in the softmax of the slate, and how many standard
    deviations it is from the mean. Of each kind of vectors, as cosines: to the nearest other candidate, to the nearest
    that ranking put above it, to the others in the mean and in the mean by their share; to the last event of the
    history, to the mean of the recent ones, to the nearest of them all.

    Args:
        vectors: of the catalogue.
        rows: int32 `[batch, n]`, 0 = none.
        history: int32 `[batch, length]`, oldest first, 0 = none.
        ranking, retrieval: float32 `[batch, n]`, on scales of any offset.
    """
    present = rows > 0
    ranking, retrieval = (_centred(scores, present) for scores in (ranking, retrieval))
    columns = [part for scores in (ranking, retrieval) for part in _shares(scores, present)]
    for table in vectors:
        candidates, events = (_unit(ops.take(table, some, axis=0)) for some in (rows, history))
        columns += _among(candidates, ranking, present) + _to_history(candidates, events, history)
    return ops.where(present[..., None], ops.stack(columns, -1), 0.0)


def _centred(scores: Tensor, present: Tensor) -> Tensor:
    """Less their mean; 0 where there is no candidate, whose lowest float would spoil every sum."""
    scores = ops.where(present, scores, 0.0)
    return ops.where(present, scores - _mean(scores, present), 0.0)


def _shares(scores: Tensor, present: Tensor) -> list[Tensor]:
    partition = ops.logsumexp(ops.where(present, scores, FAR), axis=1, keepdims=True)
    spread = ops.sqrt(_mean(ops.square(scores), present) + LEAST_SPREAD)
    return [ops.maximum(scores - partition, FLOOR), scores / spread]


def _among(candidates: Tensor, ranking: Tensor, present: Tensor) -> list[Tensor]:
    """How like each other candidates `[batch, n, dim]` are: four columns `[batch, n]`."""
    n = ops.shape(ranking)[1]
    others = ops.logical_and(present[:, None], ops.logical_not(ops.eye(n, dtype="bool")))
    alike = ops.where(others, ops.matmul(candidates, ops.transpose(candidates, (0, 2, 1))), 0.0)
    above = ops.where(ranking[:, None] > ranking[:, :, None], alike, 0.0)
    count = ops.maximum(ops.sum(ops.cast(others, alike.dtype), 2), 1.0)
    share = ops.softmax(ops.where(present, ranking, FAR))
    central = ops.squeeze(ops.matmul(alike, share[..., None]), -1)
    return [ops.max(alike, 2), ops.max(above, 2), ops.sum(alike, 2) / count, central]


def _to_history(candidates: Tensor, events: Tensor, history: Tensor) -> list[Tensor]:
    """How like the events `[batch, length, dim]` candidates are: three columns `[batch, n]`."""
    alike = ops.matmul(candidates, ops.transpose(events, (0, 2, 1)))
    weight = recency(history)[:, None]
    last = ops.max(ops.where(weight == 1.0, alike, FAR), 2)
    recent = _unit(ops.matmul(weight, events))
    nearest = ops.max(ops.where(weight > 0, alike, FAR), 2)
    mean = ops.squeeze(ops.matmul(candidates, ops.transpose(recent, (0, 2, 1))), -1)
    return [ops.maximum(last, -1.0), mean, ops.maximum(nearest, -1.0)]


def _unit(vectors: Tensor) -> Tensor:
    return vectors / ops.maximum(ops.norm(vectors, axis=-1, keepdims=True), keras.config.epsilon())


def _mean(values: Tensor, present: Tensor) -> Tensor:
    """Over the present places of each slate, `[batch, n]` → `[batch, 1]`."""
    total = ops.sum(ops.where(present, values, 0.0), 1, keepdims=True)
    return total / ops.maximum(ops.sum(ops.cast(present, values.dtype), 1, keepdims=True), 1.0)
