"""Latency of `recommend` over gRPC, one request at a time, with and without free text, beside the encoder's own time.

    python -m benchmarks.recommend_latency [MODELS/NAME]

The model is that of `tfrec demo` unless another is named. Each figure is the median of the percentiles of several runs;
all kinds of request are asked in turn within each run.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.machine import describe_machine
from serving.client import Client
from serving.model_server.process import running_server

RESULTS = Path(__file__).parent / "results" / "recommend_latency.json"
WISHES = (
    "a quiet film about old age",
    "space battles and robots",
    "heist",
    "something to watch with small children",
)


def kinds(client: Client, users: list[str]) -> dict[str, Callable[[int], object]]:
    """Each kind of request as a function of a running number."""
    return {
        "recommend": lambda i: client.recommend(users[i % len(users)], k=10, diversity=0.0),
        "recommend, diversity 0.3": lambda i: client.recommend(users[i % len(users)], k=10, diversity=0.3),
        "recommend, free text": lambda i: client.recommend(
            users[i % len(users)], query_text=WISHES[i % len(WISHES)], k=10
        ),
        "embed_text alone": lambda i: client.embed_text([WISHES[i % len(WISHES)]]),
    }


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
    with running_server(options.models) as server, Client(server.grpc_address) as client:
        ask = kinds(client, [str(user) for user in range(1, 101)])
        measure(ask, 20)
        runs = [measure(ask, options.requests) for _ in range(options.runs)]
    for name in runs[0]:
        p50, p99 = (median(run[name][q] for run in runs) for q in ("p50", "p99"))
        print(f"{name:<28} p50 {p50:6.1f} ms   p99 {p99:6.1f} ms")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"machine": machine, "requests": options.requests, "runs": runs}, indent=1))


if __name__ == "__main__":
    main()
