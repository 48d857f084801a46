"""Milliseconds that each step of re-ranking takes in the graph: one request, 500 candidates to a slate of 50.

    python -m benchmarks.reranking_speed [--candidates 500] [--k 50] [--dim 384]

Candidates are random; what they are does not change the work. Steps take turns, so that a busy moment meets all; beside
the time that passes stands the processor's, which others on the machine hardly change.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import tensorflow as tf

from benchmarks.machine import describe_machine
from tfrec.reranking.calibration import Calibration
from tfrec.reranking.diversity import Diversity
from tfrec.reranking.draft import Draft, Step, Wishes

RESULTS = Path(__file__).parent / "results" / "reranking_speed.json"
ITEMS, CATEGORIES = 10_000, 40


def steps(dim: int) -> dict[str, Step]:
    """The steps over a random catalogue."""
    rng = np.random.default_rng(0)
    vectors = tf.math.l2_normalize(tf.constant(rng.normal(size=(ITEMS, dim)), tf.float32), 1)
    category = tf.constant(rng.integers(0, CATEGORIES, (ITEMS, 3)), tf.int32)
    return {
        "order of relevance": lambda draft, wishes: draft,
        "mmr": Diversity(vectors, "mmr"),
        "dpp": Diversity(vectors, "dpp"),
        "calibration": Calibration(category, CATEGORIES, 0.5),
    }


def graph(step: Step, k: int) -> tf.types.experimental.PolymorphicFunction:
    """From rows and relevance to the slate."""

    @tf.function(autograph=False)
    def slate(rows: tf.Tensor, relevance: tf.Tensor, recent: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        wishes = Wishes.of(recent, tf.constant(k), diversity=tf.fill(tf.shape(rows)[:1], 0.3))
        return step(Draft.of(rows, relevance), wishes).first(wishes.longest)

    return slate


def measure(dim: int, candidates: int, k: int, repeats: int) -> dict[str, dict[str, float]]:
    """Median milliseconds of each step: those that pass ("wall"), and those of all processors ("processor")."""
    rng = np.random.default_rng(1)
    rows = tf.constant(1 + rng.permutation(ITEMS - 1)[None, :candidates], tf.int32)
    relevance = tf.constant(rng.normal(size=(1, candidates)), tf.float32)
    recent = tf.constant(rng.integers(1, ITEMS, (1, 50)), tf.int32)
    graphs = {name: graph(step, k) for name, step in steps(dim).items()}
    clocks = {"wall": time.perf_counter, "processor": time.process_time}
    seconds: dict[str, list[list[float]]] = {name: [] for name in graphs}
    for _ in range(repeats):
        for name, slate in graphs.items():
            started = [clock() for clock in clocks.values()]
            slate(rows, relevance, recent)[1].numpy()
            seconds[name].append([clock() - at for clock, at in zip(clocks.values(), started, strict=True)])
    return {
        name: dict(zip(clocks, 1e3 * np.median(times[repeats // 10 + 1 :], axis=0), strict=True))
        for name, times in seconds.items()
    }


def main() -> None:
    """Measures, prints and keeps the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--candidates", type=int, default=500)
    parser.add_argument("--k", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=100)
    options = vars(parser.parse_args())
    machine = describe_machine()
    milliseconds = measure(**options)
    for name, figure in milliseconds.items():
        print(f"{name:<20} {figure['wall']:6.2f} ms, of processor time {figure['processor']:6.2f} ms")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"machine": machine, **options, "milliseconds": milliseconds}, indent=1))


if __name__ == "__main__":
    main()
