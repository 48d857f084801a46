"""The protocol of every score: full catalogue, earlier items masked, a tie counts against the model.

A model comes in as a callable from users to scores, so stages and baselines are measured by the same lines.
What comes out is a `Ranking`, which `metrics.py` turns into figures. Nothing here fits anything.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from tfrec.data.histories import Histories
from tfrec.data.splits import Targets
from tfrec.evaluation.metrics import Metrics, check_k, summarise

Score: TypeAlias = Callable[[NDArray[np.int32]], ArrayLike]

SHOWN = 20
_SCORES_AT_ONCE = 2**25  # 128 MiB of float32, and as much again for a copy


class Ranking(NamedTuple):
    """Where each target came, and what was shown instead.

    Attributes:
        rank: int64 `[targets]`, 0-based place of the target among all items that were not masked.
        top: int32 `[targets, 20]`, positions of the best items, best first, -1 where there are no more.
    """

    rank: NDArray[np.int64]
    top: NDArray[np.int32]


def rank_targets(
    score: Score,
    targets: Targets,
    seen: Histories,
    *,
    batch: int = 1024,
    mask_seen: bool = True,
) -> Ranking:
    """Ranks the whole catalogue for the user of every target.

    An item with the target's own score counts as better, so a model that scores everything alike gets the
    last place. At most `[batch, items]` scores and one copy are held at a time.

    Args:
        score: from users int32 `[batch]` to scores `[batch, items]`, higher is better, -inf for "never".
        targets: the held-out items.
        seen: what each user had before the target; masked, also where it was hidden from training.
        batch: users scored at a time, see `batch_for`.
        mask_seen: False where repeats are kept: then a user may be shown what they know.

    Raises:
        ValueError: scores have the wrong shape or hold NaN, or a target would be masked by its own history.
    """
    rank = np.empty(len(targets.user), np.int64)
    top = np.full((len(targets.user), SHOWN), -1, np.int32)
    for start in range(0, len(rank), batch):
        rows = slice(start, start + batch)
        users, items = targets.user[rows], targets.item[rows]
        scores = np.array(score(users), dtype=np.float32)
        check_scores(scores, users, items)
        held_out = scores[np.arange(len(users)), items]
        if mask_seen:
            scores[_seen_cells(seen, users)] = -np.inf
            check_unmasked(scores, held_out, users, items)
        rank[rows] = (scores >= held_out[:, None]).sum(axis=1) - 1
        best = top_k(scores, SHOWN)
        top[rows, : best.shape[1]] = best
    return Ranking(rank, top)


def measure(
    ranking: Ranking,
    n_items: int,
    vectors: NDArray[np.floating] | None = None,
    *,
    where: NDArray[np.bool_] | None = None,
) -> Metrics | None:
    """The keys of metrics.json for the targets `where` marks (by default all), None if there are none."""
    rank, top = ranking if where is None else (ranking.rank[where], ranking.top[where])
    return summarise(rank, top, n_items, vectors=vectors)


def measure_slices(
    ranking: Ranking,
    masks: Mapping[str, NDArray[np.bool_]],
    n_items: int,
    vectors: NDArray[np.floating] | None = None,
) -> dict[str, Metrics | None]:
    """The same keys for each slice, None where a slice is empty."""
    return {name: measure(ranking, n_items, vectors, where=mask) for name, mask in masks.items()}


def slices(targets: Targets, trained: Histories, n_items: int) -> dict[str, NDArray[np.bool_]]:
    """Which targets belong to which slice, bool `[targets]` each.

    `cold_items`: the target has no interaction in `trained`, what the model was fitted on (hidden items left
    out). `warm_items`: it has some. `new_users`: the user has none.
    """
    is_cold = trained.counts(n_items)[targets.item] == 0
    return {
        "cold_items": is_cold,
        "warm_items": ~is_cold,
        "new_users": trained.lengths[targets.user] == 0,
    }


def lift(scores: ArrayLike, candidates: ArrayLike, candidate_scores: ArrayLike) -> NDArray[np.float32]:
    """Scores of the whole catalogue for a stage that scores candidates only, float32 `[batch, items]`.

    Candidates come first, in the order of their own scores (equal scores stay equal); all others keep the
    order of the stage before. This is what gives a later stage a rank for every target.

    Args:
        scores: of the stage before, `[batch, items]`.
        candidates: positions, int `[batch, candidates]`, -1 for none.
        candidate_scores: of this stage, `[batch, candidates]`.
    """
    base = np.asarray(scores, np.float32)
    finite = np.finfo(np.float32).min  # -inf less -inf would be NaN
    lifted = base - np.maximum(base.max(axis=1, keepdims=True), finite)
    places = rankdata(candidate_scores, method="min", axis=1)  # 1 for the worst: above all of `lifted`
    candidates = np.asarray(candidates)
    row, column = np.nonzero(candidates >= 0)
    lifted[row, candidates[row, column]] = places[row, column]
    return lifted


def top_k(scores: NDArray[np.float32], k: int) -> NDArray[np.int32]:
    """Positions of the k best items, best first, int32 `[batch, min(k, items)]`; -1 for an item at -inf.

    Of equal scores the lower position comes first, so that a list does not hang on the sorting algorithm.
    """
    check_k(k)
    k = min(k, scores.shape[1])
    worst = -np.partition(-scores, k - 1, axis=1)[:, k - 1 : k]
    is_above, is_level = scores > worst, scores == worst
    room = k - is_above.sum(axis=1, keepdims=True)
    chosen = is_above | (is_level & (np.cumsum(is_level, axis=1, dtype=np.int32) <= room))
    position = np.nonzero(chosen)[1].reshape(len(scores), k)
    value = np.take_along_axis(scores, position, axis=1)
    order = np.argsort(-value, axis=1, kind="stable")
    is_item = np.take_along_axis(value, order, axis=1) > -np.inf
    return np.where(is_item, np.take_along_axis(position, order, axis=1), -1).astype(np.int32)


def batch_for(n_items: int) -> int:
    """Users to score at a time, so that a batch of scores stays within 128 MiB: 1 to 1024."""
    return max(1, min(1024, _SCORES_AT_ONCE // max(n_items, 1)))


def equal_time_share(histories: Histories) -> float:
    """Share of interactions at the same time as their user's one before, so that their order is unknown.

    Take histories that keep repeats, to speak of all rows of the data.
    """
    if histories.item.size == 0:
        return 0.0
    is_first = np.zeros(histories.item.size, bool)
    is_first[histories.start[:-1][histories.lengths > 0]] = True
    is_level = np.concatenate([[False], histories.time[1:] == histories.time[:-1]])
    return float((is_level & ~is_first).mean())


def check_scores(scores: NDArray[np.float32], users: NDArray[np.int32], items: NDArray[np.int32]) -> None:
    """Raises ValueError unless scores are `[users, items]`, reach every target, and hold no NaN."""
    if scores.ndim != 2 or len(scores) != len(users) or scores.shape[1] <= items.max():
        raise ValueError(
            f"`score` must return one row for each of the {len(users)} users and one column for each item "
            f"of the catalogue (more than {items.max()}). Received: shape {scores.shape}"
        )
    is_nan = np.isnan(scores)
    if is_nan.any():
        rows = is_nan.any(axis=1)
        raise ValueError(
            f"`score` must return numbers. Received: NaN for {rows.sum()} of {len(users)} users, first for "
            f"user {users[rows.argmax()]}. The model has probably diverged: look at its training loss."
        )


def check_unmasked(
    scores: NDArray[np.float32],
    held_out: NDArray[np.float32],
    users: NDArray[np.int32],
    items: NDArray[np.int32],
) -> None:
    """Raises ValueError if masking took a target's score, because the target is in its user's own history."""
    is_masked = scores[np.arange(len(users)), items] != held_out
    if is_masked.any():
        first = is_masked.argmax()
        raise ValueError(
            "`targets` must be unseen where earlier items are masked. "
            f"Received: item {items[first]} of user {users[first]}, which is in that user's history. "
            "Count only first interactions, or pass mask_seen=False."
        )


def _seen_cells(seen: Histories, users: NDArray[np.int32]) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    items = [seen.of(user) for user in users]
    rows = np.repeat(np.arange(len(users)), [len(own) for own in items])
    return rows, np.concatenate(items)
