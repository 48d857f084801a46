"""Who is better, and is it more than chance? Two rankings of the same targets, with paired intervals.

`compare_stages` sets the stages of one run beside its baselines (the `comparisons` of metrics.json);
`compare_runs` sets two runs side by side from what `evaluate` left on disk: metrics.json, and ranks.parquet
with the columns user_id, item_id, stage, rank.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfrec.evaluation.intervals import paired_difference
from tfrec.evaluation.metrics import PER_QUERY
from tfrec.evaluation.metrics_file import METRICS_FILE, RANKS_FILE, read_metrics

Ranks = NDArray[np.int64]

_TARGET = ["user_id", "item_id", "stage"]
_WITHOUT_QUERIES = ("coverage@20", "ild@20")


@dataclass(frozen=True)
class Difference:
    """One metric of two models over the same queries; ours less theirs lies in `[low, high]` (95 %).

    `low` and `high` are None for a metric of the whole (coverage), which no query has a value of.
    """

    ours: str
    theirs: str
    metric: str
    our_value: float
    their_value: float
    difference: float
    low: float | None = None
    high: float | None = None

    @property
    def is_certain(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


@dataclass(frozen=True)
class RunComparison:
    """Differences of two runs by stage, and what keeps them from being like with like."""

    differences: dict[str, list[Difference]]
    notes: list[str]


def compare_ranks(
    ours: Ranks, theirs: Ranks, *, names: tuple[str, str], metrics: Iterable[str] = PER_QUERY, seed: int = 0
) -> list[Difference]:
    """Differences of two int64 `[targets]` ranks of the same targets in the same order."""
    differences = []
    for metric in metrics:
        our_values, their_values = PER_QUERY[metric](ours), PER_QUERY[metric](theirs)
        interval = paired_difference(our_values, their_values, seed=seed)
        differences.append(
            Difference(*names, metric, float(our_values.mean()), float(their_values.mean()), *interval)
        )
    return differences


def compare_stages(
    stages: Mapping[str, Ranks],
    baselines: Mapping[str, Ranks],
    *,
    metrics: Sequence[str] = ("ndcg@10", "recall@10"),
    seed: int = 0,
) -> list[Difference]:
    """Every stage against every baseline, and against the stage before it."""
    names = list(stages)
    pairs = [(stage, rival) for stage in names for rival in baselines]
    pairs += list(zip(names[1:], names, strict=False))
    everyone = {**baselines, **stages}
    return [
        difference
        for stage, rival in pairs
        for difference in compare_ranks(
            everyone[stage], everyone[rival], names=(stage, rival), metrics=metrics, seed=seed
        )
    ]


def compare_runs(run_a: Path, run_b: Path, *, seed: int = 0) -> RunComparison:
    """Run a less run b, for every stage or baseline that both ranked, over the targets they share.

    Raises:
        FileNotFoundError: a run has not been evaluated.
        ValueError: the runs share no target of any stage.
    """
    (metrics_a, ranks_a), (metrics_b, ranks_b) = _read_run(run_a), _read_run(run_b)
    shared = ranks_a.merge(ranks_b, on=_TARGET, suffixes=("_a", "_b"), validate="one_to_one")
    if shared.empty:
        raise ValueError(
            "the runs must share targets to be compared: the same dataset and split. "
            f"Received: {len(ranks_a)} ranks in {run_a} and {len(ranks_b)} in {run_b}, none of one target"
        )
    names = (str(run_a), str(run_b))
    differences: dict[str, list[Difference]] = {}
    for stage, group in shared.groupby("stage", sort=False):
        ranks = group["rank_a"].to_numpy(np.int64), group["rank_b"].to_numpy(np.int64)
        of_the_whole = _of_the_whole(_figures(metrics_a, str(stage)), _figures(metrics_b, str(stage)), names)
        differences[str(stage)] = [*compare_ranks(*ranks, names=names, seed=seed), *of_the_whole]
    notes = [*_protocol_notes(metrics_a["protocol"], metrics_b["protocol"])]
    if len(shared) < max(len(ranks_a), len(ranks_b)):
        notes.append(
            f"{len(shared):,} ranks of {len(ranks_a):,} and {len(ranks_b):,} are shared and compared"
        )
    return RunComparison(differences, notes)


def as_rows(differences: Iterable[Difference]) -> list[dict[str, Any]]:
    """Plain dictionaries, for JSON or a table."""
    return [asdict(difference) for difference in differences]


def _read_run(run: Path) -> tuple[dict[str, Any], pd.DataFrame]:
    folder = run / "evaluation"
    if not (folder / RANKS_FILE).is_file():
        raise FileNotFoundError(f"{folder / RANKS_FILE} is missing: run `tfrec evaluate {run}` first")
    return read_metrics(folder / METRICS_FILE), pd.read_parquet(folder / RANKS_FILE)


def _figures(metrics: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return metrics["stages"].get(name) or metrics["baselines"].get(name) or {}


def _of_the_whole(
    ours: Mapping[str, Any], theirs: Mapping[str, Any], names: tuple[str, str]
) -> Iterator[Difference]:
    """The metrics that belong to no query, as metrics.json has them."""
    for metric in _WITHOUT_QUERIES:
        a, b = ours.get(metric), theirs.get(metric)
        if a is not None and b is not None:
            yield Difference(*names, metric, a, b, a - b)


def _protocol_notes(protocol_a: Mapping[str, Any], protocol_b: Mapping[str, Any]) -> Iterator[str]:
    """What differs between two evaluations besides the models."""
    for name in sorted(protocol_a.keys() & protocol_b.keys() - {"left_out"}):
        if protocol_a[name] != protocol_b[name]:
            yield f"{name} differs: {protocol_a[name]} and {protocol_b[name]}"
