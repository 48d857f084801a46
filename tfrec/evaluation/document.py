"""Puts metrics.json together: what the protocol measured, in the keys that are promised.

    {"protocol":    {...},
     "stages":      {name: figures},
     "baselines":   {name: figures and "slices"},
     "slices":      {slice: figures of the first stage, and of every stage by its name},
     "intervals":   {name: {metric: [low, high]}},
     "comparisons": [{"ours", "theirs", "metric", "difference", "low", "high", ...}],
     "pointwise":   figures of the candidates' probabilities (`pointwise.py`),
     "groups":      figures of groups of items and users (`groups.py`),
     "curves":      what strengths of re-ranking buy and cost (`trade_offs.py`),
     "data":        {...}}

A figure, a slice or a baseline that does not exist is null.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfrec.evaluation.compare import as_rows, compare_stages
from tfrec.evaluation.intervals import mean_interval
from tfrec.evaluation.metrics import PER_QUERY
from tfrec.evaluation.protocol import Ranking, measure, measure_slices
from tfrec.evaluation.rivals import Rivals, measure_rivals

Masks = dict[str, NDArray[np.bool_]]


def metrics_document(
    stages: Mapping[str, Ranking],
    rivals: Rivals,
    masks: Masks,
    n_items: int,
    *,
    protocol: Mapping[str, Any],
    vectors: NDArray[np.floating] | None = None,
    pointwise: Mapping[str, Any] | None = None,
    groups: Mapping[str, Any] | None = None,
    curves: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Everything that metrics.json says.

    Args:
        stages: rankings in the funnel's order; the first one's figures stand in the slices.
        rivals: what `rank_rivals` gave, for the same targets.
        masks: what `protocol.slices` gave.
        n_items: size of the catalogue.
        protocol: facts about the measurement (split, users, items, seen_masked, ties, seed, ...); the reasons
            of baselines that were left out are added to it as `left_out`.
        vectors: language vectors `[items, dim]`; without them `ild@20` is null.
        pointwise: what `pointwise_figures` gave for the ranking stage.
        groups: what `measure_groups` gave.
        curves: "diversity" and "fairness", what `diversity_curve` and `fairness_curve` gave, on how many `targets`.
        data: facts about the dataset for the report (name, interactions, cleaning, ...).
        seed: of the bootstrap.
    """
    ranks = {
        name: ranking.rank for name, ranking in {**rivals.rankings, **stages}.items() if ranking.rank.size
    }
    our_ranks = {name: ranks[name] for name in stages if name in ranks}
    their_ranks = {name: ranks[name] for name in rivals.rankings if name in ranks}
    return {
        "protocol": {**protocol, "left_out": rivals.left_out},
        "stages": {name: measure(ranking, n_items, vectors) for name, ranking in stages.items()},
        "baselines": measure_rivals(rivals, masks, n_items, vectors),
        "slices": slices_of_stages(stages, masks, n_items, vectors),
        "intervals": {name: _intervals(rank, seed) for name, rank in ranks.items()},
        "comparisons": as_rows(compare_stages(our_ranks, their_ranks, seed=seed)),
        "pointwise": dict(pointwise) if pointwise else None,
        "groups": dict(groups) if groups else None,
        "curves": dict(curves) if curves else None,
        "data": dict(data or {}),
    }


def slices_of_stages(
    stages: Mapping[str, Ranking],
    masks: Masks,
    n_items: int,
    vectors: NDArray[np.floating] | None = None,
) -> dict[str, dict[str, Any] | None]:
    """For each slice the figures of the first stage, and beside them those of every stage by its name."""
    measured = {name: measure_slices(ranking, masks, n_items, vectors) for name, ranking in stages.items()}
    first: dict[str, Any] = next(iter(measured.values()), {})
    return {
        slice_: {**first[slice_], **{name: figures[slice_] for name, figures in measured.items()}}
        if first.get(slice_)
        else None
        for slice_ in masks
    }


def _intervals(rank: NDArray[np.int64], seed: int) -> dict[str, tuple[float, float]]:
    estimates = {name: mean_interval(metric(rank), seed=seed) for name, metric in PER_QUERY.items()}
    return {name: (interval.low, interval.high) for name, interval in estimates.items()}
