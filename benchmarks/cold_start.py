"""Items that nobody has met: recall with texts beside recall without, and TF-IDF, a share of the catalogue hidden.

    python -m benchmarks.cold_start DATASET [--share 0.2] [--seeds N] [--set stage.key=value]

Each seed hides other items, from training and from the histories that are asked, and asks for every target of the test
part of `last-out`: full catalogue, earlier items masked, ties against the model. *new* are the targets whose item has
no interaction left, *warm* the others. Recall without texts never shows a new item, so that it has more room for the
warm ones; the difference of their ndcg@10 is of each user's mean over the seeds, with a paired 95 % interval.
"""

import argparse
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

from benchmarks.machine import describe_machine
from benchmarks.retrieval_quality import Task, mean_of, recall_score, task_of, train_recall
from tfrec.config import Config, load_config
from tfrec.data.dataset import Dataset, load_dataset
from tfrec.data.splits import hidden_items
from tfrec.evaluation.baselines import BASELINES, item_words
from tfrec.evaluation.intervals import paired_difference
from tfrec.evaluation.metrics import ndcg_at_k, recall_at_k
from tfrec.evaluation.protocol import Ranking, Score, batch_for, rank_targets, slices

RESULTS = Path(__file__).parent / "results"
WITHOUT_TEXT = ("text.encoder=none", "retrieval.lexical_dim=0")

Row = dict[str, Any]


def without(task: Task, hidden: np.ndarray) -> Task:
    """The task of models that may not see the items which `hidden`, bool `[items]`, marks."""
    parts = task.split
    return task._replace(
        split=replace(parts, train=parts.train.without(hidden), refit=parts.refit.without(hidden))
    )


def rank(task: Task, known: Task, score: Score) -> Ranking:
    """Places of the test targets of `task` by a model that was fitted on `known`."""
    return rank_targets(score, known.split.test, task.split.refit, batch=batch_for(task.items))


def figures(ranking: Ranking, known: Task) -> Row:
    """Recall@20 of new targets, ndcg@10 of warm ones and of all."""
    masks = slices(known.split.test, known.split.refit, known.items)
    found, gain = recall_at_k(ranking.rank, 20), ndcg_at_k(ranking.rank, 10)
    return {
        "new recall@20": float(found[masks["cold_items"]].mean()),
        "warm ndcg@10": float(gain[masks["warm_items"]].mean()),
        "ndcg@10": float(gain.mean()),
        "recall@20": float(found.mean()),
        "new targets": int(masks["cold_items"].sum()),
    }


def measure_seed(dataset: Dataset, config: Config, plain: Config, share: float) -> tuple[Row, np.ndarray]:
    """Every model with the items of one seed hidden.

    Returns:
        model → its figures; and the gains of the warm targets with and without texts, float `[2, targets]`, NaN for
        the others.
    """
    hidden = hidden_items(len(dataset.item_ids), share, config.seed)
    rows: Row = {}
    gains = []
    for name, own in {"tfrec": config, "without text": plain}.items():
        task, _ = task_of(dataset, own)
        known = without(task, hidden)
        model, facts = train_recall(known, own)
        ranking = rank(task, known, recall_score(model, known))
        rows[name] = {"seed": own.seed, **figures(ranking, known), **facts}
        warm = slices(known.split.test, known.split.refit, known.items)["warm_items"]
        gains.append(np.where(warm, ndcg_at_k(ranking.rank, 10), np.nan))
        print(f"seed {own.seed}, {name}: {shown(rows[name])}", flush=True)
    texts = item_words(dataset.items, dataset.schema)
    words = BASELINES["tfidf"].fit(known.split.refit, known.items, texts)
    rows["tfidf"] = {"seed": config.seed, **figures(rank(task, known, words.score), known)}
    return rows, np.stack(gains)


def difference(gains: list[np.ndarray]) -> Row:
    """Of warm targets with texts less those without: users' means over the seeds in which their target is warm."""
    of_seeds = np.stack(gains)
    warm = ~np.isnan(of_seeds).all((0, 1))
    ours, theirs = np.nanmean(of_seeds[:, :, warm], axis=0)
    return {"users": int(warm.sum()), **paired_difference(ours, theirs)._asdict()}


def shown(row: Row) -> str:
    """The figures of a row on a line."""
    names = ("new recall@20", "warm ndcg@10", "ndcg@10", "recall@20")
    return ", ".join(f"{name} {row[name]:.4f}" for name in names if name in row)


def main() -> None:
    """Measures one dataset, prints the means over the seeds and keeps the raw result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset")
    parser.add_argument("--share", type=float, default=0.2)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="STAGE.KEY=VALUE")
    options = parser.parse_args()
    machine, dataset = describe_machine(), load_dataset(options.dataset)
    config, plain = load_config(None, options.set), load_config(None, [*options.set, *WITHOUT_TEXT])
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    runs, gains = [], []
    for seed in range(config.seed, config.seed + options.seeds):
        seeded = (some.model_copy(update={"seed": seed}) for some in (config, plain))
        rows, gain = measure_seed(dataset, *seeded, options.share)
        runs.append(rows)
        gains.append(gain)
    rows = {
        name: {**mean_of([run[name] for run in runs]), "runs": [run[name] for run in runs]}
        for name in runs[0]
    }
    result = {
        "data": {"name": dataset.name, "fingerprint": dataset.fingerprint(), "split": "last-out"},
        "share": options.share,
        "settings": config.model_dump(),
        "rows": rows,
        "warm ndcg@10, with texts less without": difference(gains),
        "machine": machine,
    }
    path = RESULTS / f"cold_start_{dataset.name}.json"
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for name, row in rows.items():
        print(f"{name}: {shown(row)}")
    print("warm, with texts less without: {mean:+.4f} [{low:+.4f}, {high:+.4f}]".format(**difference(gains)))


if __name__ == "__main__":
    main()
