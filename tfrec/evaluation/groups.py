"""Who is served how well: groups of items and of users, what each is shown of and what it finds, before re-ranking and
after it.

A group of items may be a band of popularity or a value of a categorical column; a group of users a band of activity or
a value of a profile column. Exposure is a share of all places of the lists.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfrec.data.histories import Histories
from tfrec.data.item_content import ItemContent
from tfrec.data.splits import Targets
from tfrec.evaluation.metrics import ndcg_at_k
from tfrec.evaluation.protocol import Ranking
from tfrec.reranking.fairness import HEAD, POPULARITY, TAIL, members

Groups = dict[str, dict[str, NDArray[np.bool_]]]
"""Column → group → its members, bool `[items]` or `[users]`."""

MOST = 8  # groups of a column, the largest
COLUMNS = 4  # of a table, in the order of its columns
FEW = 30  # targets below which a group's quality is chance, and counts for no gap


def item_groups(content: ItemContent, counts: NDArray[np.integer]) -> Groups:
    """Head and tail of popularity, and the values of the categorical columns.

    Args:
        content: of the catalogue, by row.
        counts: interactions of each item before the targets, int `[items]`.
    """
    bands = (HEAD, TAIL)
    member = members(POPULARITY, dict.fromkeys(bands, 0.0), content, np.append(0, counts))[1:]
    return {POPULARITY: dict(zip(bands, member.T, strict=True)), **column_groups(content)}


def user_groups(profile: ItemContent | None, known: Histories) -> Groups:
    """Thirds of activity, and the values of the profile's categorical columns.

    Args:
        profile: of the users, by row.
        known: what each user did before the targets.
    """
    rank = np.empty(len(known), int)
    rank[np.argsort(known.lengths, kind="stable")] = np.arange(len(known))
    third = rank * 3 // max(1, len(known))
    activity = {name: third == place for place, name in enumerate(("light", "medium", "heavy"))}
    return {"activity": activity, **(column_groups(profile) if profile else {})}


def column_groups(content: ItemContent) -> Groups:
    """The largest groups of the first categorical columns; a row may belong to several, or to none."""
    rows, groups = len(content.category) - 1, {}
    for column in content.spec.categorical[:COLUMNS]:
        ids = content.ids_of(column)[1:]
        sizes = np.bincount(ids.ravel(), minlength=content.spec.categories)[1:]
        largest = [place for place in np.argsort(-sizes, kind="stable")[:MOST] if 0 < sizes[place] < rows]
        names = {place: content.spec.vocabulary[place].removeprefix(f"{column}=") for place in largest}
        groups[column] = {name: (ids == place + 1).any(1) for place, name in names.items()}
    return {column: values for column, values in groups.items() if values}


def measure_groups(
    rankings: Mapping[str, Ranking], targets: Targets, items: Groups, users: Groups
) -> dict[str, Any]:
    """What groups are shown and find.

    Args:
        rankings: of the same targets, by the name of the stage: before re-ranking, and after it.
        targets: as they were ranked.
        items, users: groups.

    Returns:
        {"items" | "users": {column: {"groups": {group: figures}, "gap": {stage: …}}}}. Figures: `share` of the items
        or users, `targets`, `ndcg@10` by stage, and for items `exposure` by stage: the share of the places of the top
        20. The gap is the largest ndcg@10 of a group with `FEW` targets less the smallest, None without two of them.
    """
    quality = {stage: ndcg_at_k(ranking.rank, 10) for stage, ranking in rankings.items()}

    def figures(own: NDArray[np.bool_], asked: NDArray[np.integer]) -> dict[str, Any]:
        is_own = own[asked]
        return {
            "share": float(own.mean()),
            "targets": int(is_own.sum()),
            "ndcg@10": {
                stage: float(values[is_own].mean()) if is_own.any() else None
                for stage, values in quality.items()
            },
        }

    def exposure(own: NDArray[np.bool_]) -> dict[str, Any]:
        return {"exposure": {stage: share_shown(ranking.top, own) for stage, ranking in rankings.items()}}

    return {
        "items": {
            column: _with_gap(
                {name: {**figures(own, targets.item), **exposure(own)} for name, own in groups.items()}
            )
            for column, groups in items.items()
        },
        "users": {
            column: _with_gap({name: figures(own, targets.user) for name, own in groups.items()})
            for column, groups in users.items()
        },
    }


def share_shown(top: NDArray[np.integer], own: NDArray[np.bool_]) -> float | None:
    """The share of places int `[lists, places]` (-1 = empty) that items of `own` bool `[items]` have; None of none."""
    shown = top[top >= 0]
    return float(own[shown].mean()) if shown.size else None


def _with_gap(groups: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    many = [figures["ndcg@10"] for figures in groups.values() if figures["targets"] >= FEW]
    stages = many[0] if many else {}
    gaps = {stage: max(q[stage] for q in many) - min(q[stage] for q in many) for stage in stages}
    return {"groups": dict(groups), "gap": gaps if len(many) > 1 else None}
