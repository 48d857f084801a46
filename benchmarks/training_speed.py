"""Sequences a second of training recall, beside RecTools' SASRec of the same size, in one run.

    python -m benchmarks.training_speed [DATASET] [--repeats 3] [--threads N] [--peer-home FOLDER]

Both learn the same sequences (the last 21 events of each user before the test interaction) with 64 dimensions, 2
blocks, 2 heads, windows of 20 events, the full softmax, Adam and about 256 sequences a step, on the same cores. They
take turns; a turn is one epoch, and the first steps of a fit (tracing, first touches of memory) are timed apart. Ours
are batched as in production: by length, and so many events a step that an epoch has as many steps as the peer's.
"""

import argparse
import json
import os
import statistics
import time
import warnings
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

from benchmarks.machine import describe_machine
from benchmarks.peers.environment import DEFAULT_HOME, ask, peer_python
from tfrec.config import Config, load_config
from tfrec.data.dataset import load_dataset
from tfrec.data.histories import Histories, histories
from tfrec.data.item_content import ItemContent, learn_content
from tfrec.data.pipeline import next_item_batches
from tfrec.data.splits import split
from tfrec.retrieval.fit import build_two_tower

RESULTS = Path(__file__).parent / "results"
BATCH, SKIP = 256, 4
SIZE = ("dim=64", "blocks=2", "heads=2", "length=20", "dropout=0.2", "learning_rate=0.001")

Turn = dict[str, Any]


def last_events(past: Histories, length: int) -> Histories:
    """The last `length` + 1 events of each user: one sequence for each user with two at least."""
    return past.keep(past.place >= np.repeat(past.lengths - length - 1, past.lengths))


def events_for(past: Histories, length: int, steps: int) -> int:
    """How many events a step must hold for an epoch of about `steps` steps."""
    events = len(past.item) // steps
    for _ in range(3):
        taken = sum(1 for _ in next_item_batches(past, length, events, 0))
        events = max(1, round(events * taken / steps))
    return events


def our_turn(past: Histories, content: ItemContent, config: Config) -> Turn:
    """Builds a model, warms it up, and times one epoch."""
    model = build_two_tower(past, content, config.retrieval)
    batches = next_item_batches(past, config.retrieval.length, config.retrieval.batch_events, config.seed)
    started = time.perf_counter()
    model.fit(batches.take(SKIP), epochs=1, verbose=0)
    warm, cpu = time.perf_counter(), time.process_time()
    model.fit(batches, epochs=1, verbose=0)
    return {
        "warm_up_seconds": warm - started,
        "seconds": time.perf_counter() - warm,
        "cpu_seconds": time.process_time() - cpu,
        "sequences": int((past.lengths >= 2).sum()),
    }


def peer_turn(past: Histories, config: Config, python: Path) -> Turn:
    """The same of RecTools' SASRec, in a process of its own."""
    size = config.retrieval
    model = {
        "n_factors": size.dim,
        "n_blocks": size.blocks,
        "n_heads": size.heads,
        "session_max_len": size.length,
        "dropout_rate": size.dropout,
        "lr": size.learning_rate,
        "batch_size": BATCH,
        "loss": "softmax",
    }
    settings = {"task": "time", "skip": SKIP, "seed": config.seed, "model": model}
    arrays = {"train_item": past.item, "train_start": past.start}
    return {**ask(python, "benchmarks.peers.sasrec", settings, arrays)[0], "model": model}


def summary(turns: list[Turn]) -> dict[str, float]:
    """Medians over the turns."""
    return {
        "sequences_per_second": statistics.median(turn["sequences"] / turn["seconds"] for turn in turns),
        "cpu_ms_per_sequence": statistics.median(
            1e3 * turn["cpu_seconds"] / turn["sequences"] for turn in turns
        ),
        "warm_up_seconds": statistics.median(turn["warm_up_seconds"] for turn in turns),
    }


def table(result: dict[str, Any]) -> str:
    """One line a library and the two ratios."""
    lines = ["| | sequences a second | processor ms a sequence | warm-up, s |", "|---|---|---|---|"]
    for name in ("tfrec", "rectools"):
        figures = result[name]["median"]
        lines.append(f"| {name} | " + " | ".join(f"{value:.4g}" for value in figures.values()) + " |")
    lines.append(f"| ratio | {result['ratio']:.2f} | {result['cpu_ratio']:.2f} | |")
    return "\n".join(lines)


def run(source: str, *, repeats: int, home: Path, settings: list[str]) -> dict[str, Any]:
    """All turns of one dataset."""
    dataset = load_dataset(source)
    content, items = learn_content(dataset, None), len(dataset.item_ids)
    size = [f"retrieval.{setting}" for setting in (*SIZE, f"negatives={items}")]
    length = load_config(None, [*size, *settings]).retrieval.length
    past = last_events(split(histories(dataset)).refit, length)
    events = events_for(past, length, -(-int((past.lengths >= 2).sum()) // BATCH))
    config = load_config(None, [*size, f"retrieval.batch_events={events}", *settings])
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    python, machine = peer_python("sasrec", home), describe_machine()
    ours, theirs = [], []
    for _ in range(repeats):
        ours.append(our_turn(past, content, config))
        theirs.append(peer_turn(past, config, python))
    medians = summary(ours), summary(theirs)
    return {
        "machine": machine,
        "threads": len(os.sched_getaffinity(0)),
        "dataset": dataset.name,
        "items": items,
        "events": len(past.item),
        "config": config.model_dump(),
        "tfrec": {"median": medians[0], "turns": ours},
        "rectools": {"median": medians[1], "turns": theirs},
        "ratio": medians[0]["sequences_per_second"] / medians[1]["sequences_per_second"],
        "cpu_ratio": medians[1]["cpu_ms_per_sequence"] / medians[0]["cpu_ms_per_sequence"],
    }


def main() -> None:
    """Takes turns, prints the table, keeps every turn."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", nargs="?", default="movielens")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument(
        "--peer-home", type=Path, default=DEFAULT_HOME, help="where environments of peers are kept"
    )
    parser.add_argument(
        "--set", action="append", default=[], help="stage.key=value, on top of the size above"
    )
    options = parser.parse_args()
    # both libraries make as many threads as they may use cores; the peer's process inherits this
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    warnings.filterwarnings("ignore", message=".*(shuffle=True|ran out of data)", category=UserWarning)
    result = run(options.dataset, repeats=options.repeats, home=options.peer_home, settings=options.set)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"training_speed_{result['dataset']}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(table(result))


if __name__ == "__main__":
    main()
