"""Quality of every stage beside the baselines, by the default recipe, with the time and memory of its training.

    python -m benchmarks.funnel_quality DATASET [DATASET ...] [--runs FOLDER]

Each dataset is trained by `tfrec train` in a process of its own (a finished run in FOLDER is not trained again) and
measured by `tfrec evaluate` on the test part. The raw metrics.json of each stand in benchmarks/results/.
"""

import argparse
import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.machine import describe_machine

RESULTS = Path(__file__).parent / "results"
SHOWN = ("retrieval", "ranking", "popularity", "item_knn", "ials", "ease", "tfidf")


def run_dataset(dataset: str, run: Path) -> dict[str, Any]:
    """Trains and measures one dataset; returns its metrics and what the training took."""
    machine = describe_machine()
    if not _is_finished(run):
        _tfrec("train", dataset, "--out", str(run))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    _tfrec("evaluate", str(run))
    metrics = json.loads((run / "evaluation" / "metrics.json").read_text())
    fits = json.loads((run / "run.json").read_text())["fits"]
    return {"machine": machine, "fits": fits, "peak_gib_of_training": round(peak, 2), "metrics": metrics}


def _is_finished(run: Path) -> bool:
    facts = run / "run.json"
    return facts.is_file() and json.loads(facts.read_text())["finished"]


def _tfrec(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "tfrec.cli", *arguments], check=True)


def table(results: dict[str, dict[str, Any]]) -> str:
    """recall@10 / ndcg@10 of stages and baselines, one line a dataset."""
    lines = ["| dataset | " + " | ".join(SHOWN) + " | seconds of a fit |", "|---" * (len(SHOWN) + 2) + "|"]
    for name, result in results.items():
        figures = {**result["metrics"]["baselines"], **result["metrics"]["stages"]}
        cells = [_cell(figures.get(column)) for column in SHOWN]
        seconds = ", ".join(f"{fit['seconds']:.0f}" for fit in result["fits"].values())
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {seconds} |")
    return "\n".join(lines)


def _cell(figures: dict[str, float] | None) -> str:
    return "–" if not figures else f"{figures['recall@10']:.3f} / {figures['ndcg@10']:.3f}"


def main() -> None:
    """Runs the datasets one after another and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("datasets", nargs="*", default=["movielens"])
    parser.add_argument("--runs", type=Path, default=Path("runs/quality"))
    options = parser.parse_args()
    results = {}
    for dataset in options.datasets:
        name = Path(dataset).name
        results[name] = run_dataset(dataset, options.runs / name)
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"funnel_quality_{name}.json").write_text(json.dumps(results[name], indent=1))
    print(table(results))


if __name__ == "__main__":
    main()
