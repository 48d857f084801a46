"""What a strength of re-ranking buys and what it costs: the same candidates shaped again and again.

Candidates and ranking scores of a sample of targets are made once; each strength only runs the steps of re-ranking.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfrec.evaluation.groups import share_shown
from tfrec.evaluation.metrics import intra_list_distance, ndcg_at_k
from tfrec.reranking.draft import Draft, Relevance, Wishes
from tfrec.reranking.fairness import Fairness
from tfrec.reranking.reranker import Reranker

STRENGTHS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 1.0)
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
PLACES = 20
GAIN, LOSS = 0.15, 0.02  # of ild@20 at least, for at most this of ndcg@10: what a default is chosen for


class Candidates(NamedTuple):
    """What re-ranking begins with.

    Attributes:
        rows: int32 `[targets, list]`, 0 = none.
        retrieval, ranking: float32 `[targets, list]`, their scores.
        recent: int32 `[targets, length]`, rows of the history.
        user: int32 `[targets]`, positions; whose chance fairness draws.
        wanted: int32 `[targets]`, the row of each target.
    """

    rows: np.ndarray
    retrieval: np.ndarray
    ranking: np.ndarray
    recent: np.ndarray
    user: np.ndarray
    wanted: np.ndarray

    def part(self, start: int, stop: int) -> "Candidates":
        """Those of some targets."""
        return Candidates(*(values[start:stop] for values in self))


Shape = Callable[[str, float], NDArray[np.int32]]
"""(name of a strength, its value) → slates as positions int32 `[targets, 20]`, -1 = empty; other strengths are 0."""


def shaper(reranker: Reranker, candidates: Candidates, *, batch: int) -> Shape:
    """Runs the steps over all candidates."""

    @tf.function(reduce_retracing=True, autograph=False)
    def slates(part: Candidates, diversity: tf.Tensor, fairness: tf.Tensor) -> tf.Tensor:
        strengths = {
            "diversity": tf.fill(tf.shape(part.user), diversity),
            "fairness": tf.fill(tf.shape(part.user), fairness),
        }
        drawn = {"seed": tf.cast(part.user, tf.int64), "user": part.user + 1}
        wishes = Wishes.of(part.recent, tf.constant(PLACES), **drawn, **strengths)
        wishes = wishes._replace(relevance=Relevance(part.ranking, part.retrieval))
        *_, last = reranker(Draft.of(part.rows, part.ranking), wishes).values()
        return last.rows[:, :PLACES]

    def shape(name: str, strength: float) -> NDArray[np.int32]:
        asked = {"diversity": 0.0, "fairness": 0.0, name: strength}
        strengths = {name: tf.constant(value, tf.float32) for name, value in asked.items()}
        starts = range(0, len(candidates.user), batch)
        parts = [candidates.part(start, start + batch) for start in starts]
        return np.concatenate([slates(part, **strengths).numpy() - 1 for part in parts])

    return shape


def diversity_curve(
    shape: Shape, wanted: NDArray[np.integer], vectors: NDArray[np.floating], *, default: float
) -> dict[str, Any]:
    """ild@20 and ndcg@10 by strength of diversity.

    Returns:
        {"points": [{"strength", "ild@20", "ndcg@10"}], "default", "advised"}: the strength that the run is served with,
        and the smallest that gives `GAIN` more distance for at most `LOSS` of ndcg@10, None if there is none.
    """
    points = []
    for strength in sorted({*STRENGTHS, default}):
        top = shape("diversity", strength)
        distance = float(np.nanmean(intra_list_distance(top, vectors)))
        points.append({"strength": strength, "ild@20": distance, "ndcg@10": quality(top, wanted)})
    return {"points": points, "default": default, "advised": advised(points)}


def advised(points: Sequence[Mapping[str, float]]) -> float | None:
    """The smallest strength worth its price, beside that of the first point."""
    first, *others = points
    return next(
        (
            point["strength"]
            for point in others
            if point["ild@20"] >= (1 + GAIN) * first["ild@20"]
            and point["ndcg@10"] >= (1 - LOSS) * first["ndcg@10"]
        ),
        None,
    )


def fairness_curve(shape: Shape, wanted: NDArray[np.integer], tail: NDArray[np.bool_]) -> dict[str, Any]:
    """The share of the places that the long tail gets, and ndcg@10, by the share asked for it.

    Args:
        shape: of a reranker with `tail_fairness`.
        wanted: positions of the targets.
        tail: bool `[items]`.

    Returns:
        {"points": [{"asked", "reached", "ndcg@10"}], "ask": [{"for", "ask"}]}: for a share of all places, what to ask
        for. Lists that have more than their least share of their own are why that is less.
    """
    points = []
    for share in SHARES:
        top = shape("fairness", share)
        points.append({"asked": share, "reached": share_shown(top, tail), "ndcg@10": quality(top, wanted)})
    return {"points": points, "ask": to_ask(points)}


def to_ask(points: Sequence[Mapping[str, Any]]) -> list[dict[str, float]]:
    """The least share by which each of `SHARES` is reached on the whole, linear between points; what is out of reach,
    or reached without asking, is left out."""
    reached = [point["reached"] for point in points]
    if None in reached:
        return []
    rising = np.maximum.accumulate(reached)
    within = [share for share in SHARES if rising[0] < share <= rising[-1]]
    asked = np.interp(within, rising, [point["asked"] for point in points])
    return [{"for": share, "ask": float(ask)} for share, ask in zip(within, asked, strict=True)]


def tail_fairness(reranker: Reranker, tail: NDArray[np.bool_]) -> Reranker:
    """The same steps, with a fairness whose strength is the least share of the long tail, bool `[items]`."""
    steps = {name: step for name, step in reranker.steps.items() if name != "rules"}
    steps["fairness"] = Fairness(np.append(False, tail)[:, None], np.ones(1))
    return Reranker(steps, reranker.rules)


def quality(top: NDArray[np.integer], wanted: NDArray[np.integer]) -> float:
    """Mean ndcg@10 of slates int `[targets, places]` in which the items `wanted` int `[targets]` should stand."""
    found = top == wanted[:, None]
    return float(ndcg_at_k(np.where(found.any(1), found.argmax(1), -1), 10).mean())
