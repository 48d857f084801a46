"""Recall@100 against time and memory: our exact and clustered index beside hnswlib, faiss and ScaNN.

    python -m benchmarks.index [RUN] [--sizes 100000 1000000] [--threads 1 2] [--repeats 5] [--scann]
                               [--without-peers] [--peer-home FOLDER]

One query at a time. Ours are asked as a model server asks them: a SavedModel in a session. The vectors have 64
dimensions, and the structure of trained ones (grown from RUN's, or from tastes drawn at random) or none. An index may
be made with a sample of queries; it is measured on others. Megabytes are what is stored, vectors included.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import describe_machine
from benchmarks.peers.environment import DEFAULT_HOME, ask, peer_python
from benchmarks.vector_worlds import World, structured, uniform

RESULTS = Path(__file__).parent / "results" / "index.json"
RECALLS = (0.9, 0.97, 0.99)
ENOUGH = 0.95
OURS, PEERS = "benchmarks.index_served", "benchmarks.peers.nearest"

Row = dict[str, Any]


def our_rows(world: World, threads: Sequence[int], repeats: int) -> list[Row]:
    """Exact and clustered, each with every number of threads."""
    python = Path(sys.executable)
    vectors, asked = {"vectors": world.vectors, "sample": world.sample}, _asked(world)
    with tempfile.TemporaryDirectory() as folder:
        built, _ = ask(python, OURS, {"task": "build", "folder": folder, "recalls": RECALLS}, vectors)
        rows = []
        for count in threads:
            question = {"task": "ask", "rows": built["rows"], "threads": count, "repeats": repeats}
            rows += ask(python, OURS, question, asked)[0]["rows"]
    return rows


def peer_rows(
    world: World, python: Path, engine: str, threads: Sequence[int], repeats: int
) -> tuple[list[Row], dict[str, str]]:
    """An engine with several settings; and the version of its package."""
    question = {"engine": engine, "threads": list(threads), "repeats": repeats}
    answer, _ = ask(python, PEERS, question, {"vectors": world.vectors, **_asked(world)})
    return answer["rows"], answer["packages"]


def _asked(world: World) -> dict[str, np.ndarray]:
    return {"asked": world.asked, "truth": world.truth}


def best_rows(rows: Sequence[Row]) -> list[Row]:
    """Of each world and number of threads, the quickest setting of each engine with a recall of `ENOUGH`."""
    quickest: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        key = (row["world"], row["items"], row["threads"], row["engine"])
        if row["recall"] >= ENOUGH and row["p50_ms"] < quickest.get(key, {"p50_ms": np.inf})["p50_ms"]:
            quickest[key] = row
    return list(quickest.values())


def table(rows: Sequence[Row]) -> str:
    """A Markdown table."""
    head = "| vectors | items | threads | index | setting | recall@100 | p50 ms | p90 ms | build s | MB |"
    lines = [head, "|" + "---|" * 10]
    for row in rows:
        lines.append(
            f"| {row['world']} | {row['items']:,} | {row['threads']} | {row['engine']} | {row['setting']} "
            f"| {row['recall']:.3f} | {row['p50_ms']:.2f} | {row['p90_ms']:.2f} "
            f"| {row['build_seconds']:.0f} | {row['megabytes']:.0f} |"
        )
    return "\n".join(lines)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "run", nargs="?", type=Path, help="whose trained vectors the structured ones grow from"
    )
    parser.add_argument("--sizes", nargs="+", type=int, default=[100_000, 1_000_000])
    parser.add_argument(
        "--worlds", nargs="+", choices=["structured", "uniform"], default=["structured", "uniform"]
    )
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--scann", action="store_true", help="ScaNN too, in an environment of its own")
    parser.add_argument("--without-peers", action="store_true")
    parser.add_argument(
        "--peer-home", type=Path, default=DEFAULT_HOME, help="where environments of peers are kept"
    )
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args()


def main() -> None:
    """Measures world after world, keeps the rows, prints the quickest that find enough."""
    options = parse()
    engines = (
        [] if options.without_peers else [("nearest", name) for name in ("hnswlib", "faiss", "faiss int8")]
    )
    if options.scann:
        engines.append(("scann", "scann"))
    pythons = {name: peer_python(name, options.peer_home) for name, _ in engines}
    machine, rows = describe_machine(), []
    for kind in options.worlds:
        for items in options.sizes:
            world = structured(items, options.run) if kind == "structured" else uniform(items)
            about = {"world": kind, "items": items}
            rows += [about | row for row in our_rows(world, options.threads, options.repeats)]
            write(options, machine, rows)
            for environment, engine in engines:
                theirs, packages = peer_rows(
                    world, pythons[environment], engine, options.threads, options.repeats
                )
                machine["packages"].update(packages)
                rows += [about | row for row in theirs]
                write(options, machine, rows)
    print(table(rows))
    print(f"\nThe quickest of each with recall@100 ≥ {ENOUGH}:\n\n{table(best_rows(rows))}")


def write(options: argparse.Namespace, machine: dict[str, Any], rows: Sequence[Row]) -> None:
    """What was measured so far."""
    kept = [{key: value for key, value in row.items() if key != "folder"} for row in rows]
    originals = "tastes drawn at random" if options.run is None else options.run.name
    document = {"machine": machine, "originals": originals, "repeats": options.repeats, "rows": kept}
    options.out.parent.mkdir(exist_ok=True)
    options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
