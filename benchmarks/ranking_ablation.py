"""What each part of ranking is worth: the order without it, on validation, beside the order with all of them.

    python -m benchmarks.ranking_ablation DATASET [--seeds N] [--parts NAME ...] [--set stage.key=value]

Recall is trained once on what validation may know, and asked for the lists; then one ranker is trained for each seed
with all parts, and one without each. All are asked for the validation targets over the same candidates, from a recall
that has caught up; differences are paired target by target, after the mean over the seeds. The test part stays unread.
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

from benchmarks.machine import describe_machine
from benchmarks.retrieval_quality import Task, load_task
from tfrec.config import Config, load_config
from tfrec.data.moments import moments_of
from tfrec.evaluation.intervals import paired_difference
from tfrec.ranking.features import GROUPS
from tfrec.ranking.fit import build_pair_features, fit_ranker
from tfrec.ranking.lists import TrainingLists, make_lists
from tfrec.retrieval.fit import catch_up
from tfrec.retrieval.retriever import Retriever
from tfrec.training import learn_recall, learning_lists

RESULTS = Path(__file__).parent / "results"
EVERYTHING = ("ranking.maps=4", "ranking.newcomers=0.2")  # off by default
SETTINGS: dict[str, dict[str, Any]] = {
    "history": {"history": "none"},
    "dynamic weights": {"maps": 0},
    "newcomers": {"newcomers": 0.0},
}


class Work(NamedTuple):
    """What every ranker of a dataset learns from and is asked.

    Attributes:
        lists, tables: as of `learning_lists`.
        asked: the validation targets' lists.
        names: of the pair features.
        real: how many of the lists are those of the catalogue as it is.
    """

    lists: TrainingLists
    tables: tuple[Any, Any]
    asked: TrainingLists
    names: tuple[str, ...]
    real: int


def prepare(task: Task, config: Config) -> Work:
    """Trains recall and asks it."""
    recalled = learn_recall(task.split.train, task.content, config, side=task.side)
    lists, tables = learning_lists(recalled, task.content, config, task.side)
    catch_up(recalled.two_tower, recalled.known, config.retrieval, seed=config.seed, side=task.side)
    retriever, ranking = Retriever(recalled.two_tower), config.ranking
    kept = ranking.neighbours
    features = build_pair_features(
        recalled.known, task.content, retriever, neighbours_kept=kept, groups=ranking.groups
    )
    asked = make_lists(
        retriever,
        features,
        task.split.train,
        moments_of(task.split.train, task.split.valid),
        candidates=ranking.candidates,
        length=config.retrieval.length,
        side=task.side,
    )
    return Work(lists, tables, asked, features.names, len(recalled.moments))


def without(part: str, work: Work, config: Config) -> tuple[Work, Config]:
    """The work and the settings of a ranker that lacks a part: a group of features, or one of `SETTINGS`."""
    left_out = set(GROUPS.get(part, ()))
    places = [place for place, name in enumerate(work.names) if name not in left_out]
    lists = work.lists.take(np.arange(work.real)) if part == "newcomers" else work.lists
    ranking = config.ranking.model_copy(update=SETTINGS.get(part, {}))
    cut = [_with_features(some, places) for some in (lists, work.asked)]
    return work._replace(lists=cut[0], asked=cut[1]), config.model_copy(update={"ranking": ranking})


def _with_features(lists: TrainingLists, places: list[int]) -> TrainingLists:
    features = lists.inputs["features"][..., places]
    return TrainingLists({**lists.inputs, "features": features}, lists.labels)


def gains(work: Work, config: Config, seeds: int) -> np.ndarray:
    """ndcg@10 of every validation target, the mean over rankers of so many seeds: float64 `[targets]`."""
    found = []
    for seed in range(config.seed, config.seed + seeds):
        ranker = fit_ranker(work.lists, work.tables, config.ranking, seed=seed)
        found.append(ndcg(work.asked.labels, ranker.predict(work.asked.inputs, batch_size=256, verbose=0)))
    return np.mean(found, axis=0)


def ndcg(labels: np.ndarray, scores: np.ndarray, k: int = 10) -> np.ndarray:
    """Of the one answer of each list, ties against it; 0 where it is not among the candidates."""
    own = np.where(labels > 0, scores, np.inf).min(1, keepdims=True)
    place = ((scores >= own) & (labels == 0)).sum(1)
    return np.where((labels > 0).any(1) & (place < k), 1 / np.log2(place + 2.0), 0.0)


def table(rows: dict[str, dict[str, Any]]) -> str:
    """One line for each part."""
    lines = ["without\tndcg@10\tworth\tlow\thigh"]
    for name, row in rows.items():
        lines.append("\t".join([name, *(f"{row[key]:.4f}" for key in ("ndcg@10", "worth", "low", "high"))]))
    return "\n".join(lines)


def measured(work: Work, config: Config, parts: list[str], seeds: int) -> dict[str, dict[str, Any]]:
    """The order of retrieval, that of all parts, and that without each."""
    every = gains(work, config, seeds)
    by_place = -np.arange(work.asked.labels.shape[1], dtype=np.float32)
    rows = {
        "ranking": ndcg(work.asked.labels, np.broadcast_to(by_place, work.asked.labels.shape)),
        "nothing": every,
    }
    result = {}
    for name in [*rows, *parts]:
        values = rows[name] if name in rows else gains(*without(name, work, config), seeds)
        worth = paired_difference(every, values)
        result[name] = {"ndcg@10": values.mean(), "worth": worth.mean, "low": worth.low, "high": worth.high}
        print(table({name: result[name]}), flush=True)
    return result


def main() -> None:
    """Measures one dataset, prints the table and keeps the raw result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = [*list(GROUPS)[1:], *SETTINGS]
    parser.add_argument("dataset")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts)
    parser.add_argument("--set", action="append", default=[], metavar="STAGE.KEY=VALUE")
    options = parser.parse_args()
    config, machine = load_config(None, [*EVERYTHING, *options.set]), describe_machine()
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    task, data = load_task(options.dataset, config)
    rows = measured(prepare(task, config), config, options.parts, options.seeds)
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
