"""What each part of ranking is worth: the order without it, on validation, beside the order with all of them.

    python -m benchmarks.ranking_ablation DATASET [--seeds N] [--jobs N] [--parts NAME ...] [--set stage.key=value]

Recall is trained once on what validation may know, and asked for the lists; then one ranker is trained for each seed
with all parts, and one without each, `--jobs` of them at a time. All are asked for the validation targets over the same
candidates, from a recall that has caught up; differences are paired target by target, after the mean over the seeds.
The test part stays unread.
"""

import argparse
import json
import multiprocessing
import os
import pickle
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from benchmarks.machine import describe_machine
from benchmarks.ranking_work import Work, prepare, ranked, recalled_order
from benchmarks.retrieval_quality import load_task
from tfrec.config import Config, load_config
from tfrec.evaluation.intervals import paired_difference
from tfrec.ranking.features import GROUPS
from tfrec.ranking.lists import TrainingLists

RESULTS = Path(__file__).parent / "results"
EVERYTHING = ("ranking.maps=4", "ranking.newcomers=0.2")  # off by default
SETTINGS: dict[str, dict[str, Any]] = {
    "history": {"history": "none"},
    "dynamic weights": {"maps": 0},
    "newcomers": {"newcomers": 0.0},
}
NOTHING = "nothing"


def without(part: str, work: Work, config: Config) -> tuple[Work, Config]:
    """The work and the settings of a ranker that lacks a part: a group of features, or one of `SETTINGS`."""
    left_out = set(GROUPS.get(part, ()))
    places = [place for place, name in enumerate(work.names) if name not in left_out]
    lists = work.lists.take(np.arange(work.real)) if part == "newcomers" else work.lists
    ranking = config.ranking.model_copy(update=SETTINGS.get(part, {}))
    asked = [_with_features(some, places) for some in work.asked]
    less = work._replace(lists=_with_features(lists, places), asked=asked)
    return less, config.model_copy(update={"ranking": ranking})


def _with_features(lists: TrainingLists, places: list[int]) -> TrainingLists:
    features = lists.inputs["features"][..., places]
    return replace(lists, inputs={**lists.inputs, "features": features})


@cache
def _kept(file: Path) -> tuple[Work, Config]:
    with file.open("rb") as kept:
        return pickle.load(kept)


def _ranked_without(file: Path, part: str, seed: int) -> np.ndarray:
    return ranked(*without(part, *_kept(file)), seed=seed)[0]


def rankers(work: Work, config: Config, parts: list[str], *, seeds: int, jobs: int) -> dict[str, np.ndarray]:
    """ndcg@10 of every target without each part, the mean over rankers of so many seeds: float64 `[targets]` each.

    Args:
        work: of `prepare`.
        config: settings.
        parts: what is left out in turn; `NOTHING` is one of them.
        seeds: rankers of a part.
        jobs: processes, each on its share of the cores; 1 = this one.
    """
    tasks = [(part, seed) for part in parts for seed in range(config.seed, config.seed + seeds)]
    found: dict[str, list[np.ndarray]] = {part: [] for part in parts}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "work.pickle"
        file.write_bytes(pickle.dumps((work, config)))
        for (part, seed), gains in zip(
            tasks, _each(partial(_ranked_without, file), tasks, jobs), strict=True
        ):
            found[part].append(gains)
            print(f"without {part}, seed {seed}: {gains.mean():.4f}", flush=True)
    return {part: np.mean(values, axis=0) for part, values in found.items()}


def _each(call: Callable[..., np.ndarray], tasks: list[tuple[str, int]], jobs: int) -> Iterator[np.ndarray]:
    """The results of `call(*task)` in the order of the tasks."""
    if jobs == 1:
        yield from (call(*task) for task in tasks)
        return
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(
        max(1, (os.cpu_count() or 1) // jobs)
    )  # of the processes to come
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(call, *zip(*tasks, strict=True))


def measured(
    work: Work, config: Config, parts: list[str], *, seeds: int, jobs: int = 1
) -> dict[str, dict[str, Any]]:
    """The order of retrieval, that of all parts, and that without each."""
    values = rankers(work, config, [NOTHING, *parts], seeds=seeds, jobs=jobs)
    values = {"ranking": recalled_order(work.asked[0]), **values}
    rows = {}
    for name, gains in values.items():
        worth = paired_difference(values[NOTHING], gains)
        rows[name] = {"ndcg@10": gains.mean(), "worth": worth.mean, "low": worth.low, "high": worth.high}
    return rows


def table(rows: dict[str, dict[str, Any]]) -> str:
    """One line for each part."""
    lines = ["| without | ndcg@10 | worth | low | high |", "|---" * 5 + "|"]
    for name, row in rows.items():
        cells = [f"{row[key]:.4f}" for key in ("ndcg@10", "worth", "low", "high")]
        lines.append("| " + " | ".join([name, *cells]) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measures one dataset, prints the table and keeps the raw result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = [*list(GROUPS)[1:], *SETTINGS]
    parser.add_argument("dataset")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=1, help="rankers trained at a time")
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts)
    parser.add_argument("--set", action="append", default=[], metavar="STAGE.KEY=VALUE")
    options = parser.parse_args()
    config, machine = load_config(None, [*EVERYTHING, *options.set]), describe_machine()
    task, data = load_task(options.dataset, config)
    work = prepare(task, config, [task.split.train])
    rows = measured(work, config, options.parts, seeds=options.seeds, jobs=options.jobs)
    result = {
        "data": data,
        "settings": config.model_dump(),
        "seeds": options.seeds,
        "rows": rows,
        "machine": machine,
    }
    path = RESULTS / f"ranking_ablation_{data['name']}.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(table(rows))


if __name__ == "__main__":
    main()
