"""Latency of `recommend` over gRPC, one request at a time, beside that of ranking and of the encoder alone.

    python -m benchmarks.recommend_latency [MODELS/NAME | RUN]

The model is that of `tfrec demo` unless another is named. Of a RUN a copy is given rules, exported and served. Each
figure is the median of the percentiles of several runs; all kinds of request are asked in turn within each run.
"""

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.machine import describe_machine
from serving.client import Client
from serving.model_server.process import running_server

RESULTS = Path(__file__).parent / "results"
USERS, CANDIDATES = 100, 200
WISHES = (
    "a quiet film about old age",
    "space battles and robots",
    "heist",
    "something to watch with small children",
)


def kinds(client: Client, users: list[str]) -> dict[str, Callable[[int], object]]:
    """Each kind of request as a function of a running number."""
    found = {user: [item.item_id for item in client.retrieve(user, k=CANDIDATES)] for user in users}
    return {
        "recommend": lambda i: client.recommend(users[i % len(users)], k=10, diversity=0.0),
        "recommend, diversity 0.3": lambda i: client.recommend(users[i % len(users)], k=10, diversity=0.3),
        "recommend, diversity 0.3, fairness 1": lambda i: client.recommend(
            users[i % len(users)], k=20, diversity=0.3, fairness=1.0
        ),
        "recommend, free text": lambda i: client.recommend(
            users[i % len(users)], query_text=WISHES[i % len(WISHES)], k=10, diversity=0.0
        ),
        f"rank, {CANDIDATES} candidates": lambda i: client.rank(
            users[i % len(users)], found[users[i % len(users)]]
        ),
        "embed_text alone": lambda i: client.embed_text([WISHES[i % len(WISHES)]]),
    }


@contextmanager
def served(models: Path) -> Iterator[tuple[Path, list[str]]]:
    """The base path of a model and some of its users; a RUN is exported with rules for the time of the block."""
    if not _is_run(models):
        yield models, [str(user) for user in range(1, USERS + 1)]
        return
    from tfrec.export import export_run
    from tfrec.rule_file import adopt_rules
    from tfrec.run import Run

    with tempfile.TemporaryDirectory() as folder:
        run = Run.open(shutil.copytree(models, Path(folder) / "run"))
        rules = Path(folder) / "rules.yaml"
        rules.write_text(some_rules(run.items["item_id"].to_list(), run.schema.category_column))
        adopt_rules(run, rules)
        yield export_run(run, Path(folder) / "recommender").parent, run.user_ids[:USERS]


def some_rules(ids: list[str], category: str | None) -> str:
    """Rules as a shop has them: blocked items, a boost, a pin, and limits where there are categories."""
    rules = [
        {"name": "blocked", "action": "block", "where": {"item_id": ids[:10]}},
        {"name": "boosted", "action": "boost", "where": {"item_id": ids[10:60]}, "by": 0.1},
        {"name": "pinned", "action": "pin", "where": {"item_id": ids[60]}, "position": 3},
    ]
    if category:
        rules += [
            {"name": "mixed", "action": "cap", "column": category, "at_most": 8},
            {"name": "varied", "action": "in_a_row", "column": category, "at_most": 3},
        ]
    return json.dumps(rules)  # which is YAML


def measure(ask: dict[str, Callable[[int], object]], requests: int) -> dict[str, dict[str, float]]:
    """p50 and p99 of each kind in milliseconds, the kinds taking turns."""
    seconds: dict[str, list[float]] = {name: [] for name in ask}
    for i in range(requests):
        for name, call in ask.items():
            started = time.perf_counter()
            call(i)
            seconds[name].append(time.perf_counter() - started)
    return {
        name: {f"p{q}": float(np.percentile(values, q) * 1e3) for q in (50, 99)}
        for name, values in seconds.items()
    }


def main() -> None:
    """Starts the server, measures, prints a table and keeps the raw figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="?", type=Path, default=Path("runs/demo/models/recommender"))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--requests", type=int, default=200)
    options = parser.parse_args()
    machine = describe_machine()
    with (
        served(options.models) as (models, users),
        running_server(models, timeout=600) as server,
        Client(server.grpc_address) as client,
    ):
        ask = kinds(client, users)
        measure(ask, 20)
        runs = [measure(ask, options.requests) for _ in range(options.runs)]
    for name in runs[0]:
        p50, p99 = (median(run[name][q] for run in runs) for q in ("p50", "p99"))
        print(f"{name:<38} p50 {p50:6.1f} ms   p99 {p99:6.1f} ms")
    RESULTS.mkdir(exist_ok=True)
    figures = {"machine": machine, "model": options.models.name, "requests": options.requests, "runs": runs}
    name = "recommend_latency_with_rules" if _is_run(options.models) else "recommend_latency"
    (RESULTS / f"{name}.json").write_text(json.dumps(figures, indent=1))


def _is_run(folder: Path) -> bool:
    return (folder / "run.json").is_file()


if __name__ == "__main__":
    main()
