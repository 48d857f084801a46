"""Many interests against one: what several query vectors of a user bring to the list, and what they cost.

    python -m benchmarks.interests DATASET [--interests 1 2 4] [--seeds N] [--set stage.key=value]

The two towers alone, without the experts that are blended with them, fitted on all that lies before the validation
target and asked for it: full catalogue, earlier items masked, ties against the model; the test part stays unread.
*best* scores an item by the interest that likes it best. *merged* is the list of 20 to which every interest brings in
its share, as the candidates for ranking are made; with one interest the two are the same list.
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

from benchmarks.machine import describe_machine
from benchmarks.retrieval_quality import Task, load_task, mean_of
from tfrec.config import Config, load_config
from tfrec.evaluation.protocol import SHOWN, batch_for, measure, rank_targets
from tfrec.retrieval.fit import fit_retrieval
from tfrec.retrieval.interests import largest, within_quota
from tfrec.retrieval.retriever import Retriever
from tfrec.retrieval.two_tower import TwoTower

RESULTS = Path(__file__).parent / "results"
FIGURES = {"best": ("recall@10", "ndcg@10", "recall@20"), "merged": ("recall@20", "coverage@20", "ild@20")}

LIFT = 1e4  # above all other scores, and the order still shows in float32

Row = dict[str, Any]


def measured(task: Task, model: TwoTower, list_name: str) -> Row:
    """The figures of the validation targets for the list `best` or `merged`."""
    known, targets = task.split.train, task.split.valid
    retriever, recent = Retriever(model), known.tail_rows(model.query.length)
    event = np.full(len(known), -1, np.int32)
    event[targets.user] = targets.event

    @tf.function(reduce_retracing=True, autograph=False)
    def ask(history: tf.Tensor, user: tf.Tensor, seen: tf.Tensor, context: Any) -> tf.Tensor:
        scores = retriever.by_interest(history, user, context)
        if list_name == "best" or scores.shape[1] == 1:
            return largest(scores)
        own = within_quota(scores, retriever.mask(seen), SHOWN)
        return tf.where(own, largest(scores) + LIFT, largest(scores))

    def score(users: np.ndarray) -> np.ndarray:
        seen = tf.ragged.constant([known.of(user) + 1 for user in users], dtype=tf.int32).to_tensor()
        return ask(recent[users], users + 1, seen, task.side.context_of(event[users])).numpy()[:, 1:]

    ranking = rank_targets(score, targets, known, batch=min(256, batch_for(task.items)))
    language = task.content.language[1:] if task.content.spec.text_dim else None
    figures = measure(ranking, task.items, language) or {}
    return {
        f"{list_name} {name}": figures[name] for name in FIGURES[list_name] if figures.get(name) is not None
    }


def run(task: Task, config: Config) -> Row:
    """One fit and its figures."""
    started = time.perf_counter()
    model, epochs = fit_retrieval(
        task.split.train,
        task.content,
        config.retrieval,
        seed=config.seed,
        valid=task.split.valid,
        side=task.side,
    )
    seconds = time.perf_counter() - started
    figures = {key: value for name in FIGURES for key, value in measured(task, model, name).items()}
    return {"seed": config.seed, **figures, "epochs": epochs, "seconds": seconds}


def table(rows: dict[str, Row]) -> str:
    """One line for each number of interests."""
    names = [key for key in next(iter(rows.values())) if key != "runs"]
    lines = [[count, *(f"{row[name]:.4g}" for name in names)] for count, row in rows.items()]
    return "\n".join("\t".join(map(str, line)) for line in [["interests", *names], *lines])


def main() -> None:
    """Measures one dataset, prints the table and keeps the raw result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset")
    parser.add_argument("--interests", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="STAGE.KEY=VALUE")
    options = parser.parse_args()
    base, machine = load_config(None, options.set), describe_machine()
    task, data = load_task(options.dataset, base)
    rows: dict[str, Row] = {}
    for count in options.interests:
        config = load_config(None, [*options.set, f"retrieval.interests={count}"])
        seeds = range(config.seed, config.seed + options.seeds)
        runs = [run(task, config.model_copy(update={"seed": seed})) for seed in seeds]
        rows[str(count)] = {**mean_of(runs), "runs": runs}
        print(table({str(count): rows[str(count)]}), flush=True)
    result = {"data": data, "settings": base.model_dump(), "rows": rows, "machine": machine}
    path = RESULTS / f"interests_{data['name']}.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(table(rows))


if __name__ == "__main__":
    main()
