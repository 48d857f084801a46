"""Recall beside popularity, item-kNN, EASE, iALS and RecTools' SASRec, on the test part of `last-out`.

    python -m benchmarks.retrieval_quality DATASET [DATASET ...] [--seeds N] [--models NAME ...] [--without-peer]
                                           [--set stage.key=value] [--peer-set key=value] [--peer-home FOLDER]

Everything is fitted on all that lies before the test interaction, for a number of epochs that validation found before;
full catalogue, earlier items masked, ties against the model. RecTools runs in an environment of its own, which is made
when it is missing, with the same size and window as ours and its own defaults otherwise. One row is kept for each model
and dataset, with its settings, seconds and machine; a row that is not measured anew stays as it is.
"""

import argparse
import json
import logging
import os
import statistics
import time
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
import yaml

from benchmarks.machine import describe_machine
from benchmarks.peers.environment import DEFAULT_HOME, ask, peer_python
from benchmarks.peers.vectors import Vectors
from tfrec.config import Config, load_config
from tfrec.data.dataset import Dataset, load_dataset
from tfrec.data.histories import histories
from tfrec.data.item_content import ItemContent
from tfrec.data.splits import Split, split
from tfrec.data.user_side import NOTHING_MORE, UserSide
from tfrec.evaluation.baselines import BASELINES, LeftOutError
from tfrec.evaluation.protocol import Score, batch_for, measure, rank_targets
from tfrec.language import untuned_encoder
from tfrec.retrieval.fit import catch_up
from tfrec.retrieval.retriever import Retriever
from tfrec.retrieval.two_tower import TwoTower
from tfrec.training import learn_recall, read

RESULTS = Path(__file__).parent / "results"
SETTINGS = {
    "popularity": {},
    "item_knn": {"similarity": "cosine", "neighbours": "all", "shrinkage": 0},
    "ease": {"penalty": 100},
    "ials": {"factors": 128, "regularization": 0.1, "alpha": 5, "iterations": 20, "random_state": 0},
}
MODELS = (*SETTINGS, "sasrec", "tfrec")
PEER_DEFAULTS = {"dropout_rate": 0.2, "lr": 1e-3, "batch_size": 128, "loss": "softmax"}
PEER_PATIENCE = 5

Row = dict[str, Any]


class Task(NamedTuple):
    """One dataset as every model gets it.

    Attributes:
        split: histories and targets.
        items: size of the catalogue.
        content, side: what is known of items, and of users and moments, for models that read.
    """

    split: Split
    items: int
    content: ItemContent
    side: UserSide = NOTHING_MORE

    def measure(self, score: Score) -> Row:
        """The figures of a model that was fitted on `split.refit`."""
        ranking = rank_targets(score, self.split.test, self.split.refit, batch=batch_for(self.items))
        return dict(measure(ranking, self.items) or {})


def load_task(source: str, config: Config) -> tuple[Task, dict[str, Any]]:
    """The task of a dataset, and the facts that say which data it was."""
    return task_of(load_dataset(source), config)


def task_of(dataset: Dataset, config: Config) -> tuple[Task, dict[str, Any]]:
    """As `load_task`, of a dataset in memory."""
    whole = histories(dataset)
    content, _, side = read(dataset, whole, untuned_encoder(config), config)
    facts = {"name": dataset.name, "fingerprint": dataset.fingerprint(), "split": "last-out"}
    return Task(split(whole), len(dataset.item_ids), content, side), facts


def baseline_row(name: str, task: Task) -> Row:
    """One of `BASELINES`; the reason alone where it cannot be fitted."""
    started = time.perf_counter()
    try:
        model = BASELINES[name].fit(task.split.refit, task.items)
    except LeftOutError as reason:
        return {"left_out": str(reason)}
    seconds = time.perf_counter() - started
    return {**task.measure(model.score), "seconds": seconds, "settings": SETTINGS[name]}


def train_recall(task: Task, config: Config) -> tuple[TwoTower, Row]:
    """Our retrieval stage as `tfrec train` makes it: epochs by validation, then all before the test interaction."""
    parts, started = task.split, time.perf_counter()
    searched = learn_recall(parts.train, task.content, config, side=task.side)
    middle = time.perf_counter()
    recalled = learn_recall(parts.refit, task.content, config, epochs=searched.epochs, side=task.side)
    model = recalled.two_tower
    catch_up(model, recalled.known, config.retrieval, seed=config.seed, side=task.side)
    seconds = {"seconds": time.perf_counter() - middle, "search_seconds": middle - started}
    gains = {
        "gains": model.blend.gains.numpy().tolist(),
        "cold_gains": model.blend.cold_gains.numpy().tolist(),
    }
    return model, {"epochs": searched.epochs, **seconds, **gains}


def recall_score(model: TwoTower, task: Task) -> Score:
    """Scores of the catalogue for test users by number, float32 `[users, items]`."""
    known, targets = task.split.refit, task.split.test
    retriever, recent = Retriever(model), known.tail_rows(model.query.length)
    event = np.full(len(known), -1, np.int32)
    event[targets.user] = targets.event
    scores = tf.function(retriever.scores, reduce_retracing=True, autograph=False)

    def score(users: np.ndarray) -> np.ndarray:
        return scores(recent[users], users + 1, task.side.context_of(event[users])).numpy()[:, 1:]

    return score


def our_row(task: Task, config: Config, seeds: int) -> Row:
    """The mean over seeds, and each seed's own figures."""
    runs = []
    for seed in range(config.seed, config.seed + seeds):
        model, facts = train_recall(task, config.model_copy(update={"seed": seed}))
        figures = task.measure(recall_score(model, task))
        runs.append({"seed": seed, **figures, **facts})
    settings = {"text": config.text.model_dump(), "retrieval": config.retrieval.model_dump()}
    return {**mean_of(runs), "settings": settings, "runs": runs}


def mean_of(runs: list[Row]) -> Row:
    """The mean of every figure that all runs have as a number."""
    numbers = [key for key, value in runs[0].items() if isinstance(value, int | float) and key != "seed"]
    return {key: statistics.fmean(run[key] for run in runs) for key in numbers}


def peer_row(task: Task, config: Config, python: Path, *, epochs: int, own: dict[str, Any]) -> Row:
    """RecTools' SASRec; `own` settings are put over our size and what RecTools takes by default."""
    ours, parts = config.retrieval, task.split
    size = {
        "n_factors": ours.dim,
        "n_blocks": ours.blocks,
        "n_heads": ours.heads,
        "session_max_len": ours.length,
    }
    model = {**size, **PEER_DEFAULTS, **own}
    limits = {"epochs": epochs, "patience": PEER_PATIENCE, "seed": config.seed}
    facts, answer = ask(
        python,
        "benchmarks.peers.sasrec",
        {"task": "fit", "items": task.items, "model": model, **limits},
        {
            "train_item": parts.train.item,
            "train_start": parts.train.start,
            "refit_item": parts.refit.item,
            "refit_start": parts.refit.start,
            "valid_user": parts.valid.user,
            "valid_item": parts.valid.item,
        },
    )
    return {**task.measure(Vectors(**answer).score), **facts, "settings": {"model": model, **limits}}


def run_dataset(source: str, options: argparse.Namespace) -> dict[str, Any]:
    """Measures the models asked for, and keeps each row when it is there."""
    config = load_config(options.config, options.set)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    task, data = load_task(source, config)
    path = RESULTS / f"retrieval_quality_{data['name']}.json"
    result = kept_rows(path, data)
    for name in options.models:
        machine = describe_machine()
        result["rows"][name] = {**row_of(name, task, config, options), "machine": machine}
        print(f"{data['name']}, {name}: {_cell(result['rows'][name])}", flush=True)
        _write(path, result)
    return result


def row_of(name: str, task: Task, config: Config, options: argparse.Namespace) -> Row:
    """The figures, settings and seconds of one model."""
    if name == "tfrec":
        return our_row(task, config, options.seeds)
    if name == "sasrec":
        python, own = peer_python("sasrec", options.peer_home), _pairs(options.peer_set)
        return peer_row(task, config, python, epochs=options.peer_epochs, own=own)
    return baseline_row(name, task)


def kept_rows(path: Path, data: dict[str, Any]) -> dict[str, Any]:
    """What an earlier run kept of the same data, else nothing yet."""
    kept = json.loads(path.read_text()) if path.is_file() else {}
    return kept if kept.get("data") == data else {"data": data, "rows": {}}


def _write(path: Path, result: dict[str, Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    aside = path.with_suffix(".tmp")
    aside.write_text(json.dumps(result, indent=1) + "\n")
    os.replace(aside, path)


def _pairs(settings: list[str]) -> dict[str, Any]:
    """`key=value` settings, values as YAML."""
    return {key: yaml.safe_load(value) for key, _, value in (setting.partition("=") for setting in settings)}


def table(results: list[dict[str, Any]]) -> str:
    """recall@10 / ndcg@10 and the seconds of the fit, one line a dataset."""
    lines = ["| dataset | " + " | ".join(MODELS) + " |", "|---" * (len(MODELS) + 1) + "|"]
    for result in results:
        cells = [_cell(result["rows"].get(name, {})) for name in MODELS]
        lines.append(f"| {result['data']['name']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(row: Row) -> str:
    if "recall@10" not in row:
        return "–"
    return f"{row['recall@10']:.4f} / {row['ndcg@10']:.4f} ({row['seconds']:.0f} s)"


def main() -> None:
    """Runs the datasets one after another and prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("datasets", nargs="*", default=["movielens"])
    parser.add_argument("--seeds", type=int, default=1, help="of ours; the figures are means")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--without-peer", action="store_true", help="leave RecTools out")
    parser.add_argument("--config", type=Path)
    parser.add_argument("--set", action="append", default=[], help="stage.key=value, of ours")
    parser.add_argument("--peer-epochs", type=int, default=200, help="the most; validation may stop earlier")
    parser.add_argument(
        "--peer-set", action="append", default=[], help="key=value, an argument of SASRecModel"
    )
    parser.add_argument(
        "--peer-home", type=Path, default=DEFAULT_HOME, help="where environments of peers are kept"
    )
    options = parser.parse_args()
    options.models = [name for name in options.models if not (name == "sasrec" and options.without_peer)]
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    print(table([run_dataset(source, options) for source in options.datasets]))


if __name__ == "__main__":
    main()
