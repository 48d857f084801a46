"""What noise costs: ndcg@10 of recall and ranking on validation, by the plain recipe and by the robust one.

    python -m benchmarks.ranking_robustness cell DATASET --share 0.2 --recipe robust [--text typos] --out FILE
    python -m benchmarks.ranking_robustness commands DATASET --folder FOLDER [--seeds N] | xargs -P JOBS -I{} sh -c {}
    python -m benchmarks.ranking_robustness join FOLDER

A cell is one training of recall and ranking, in a process of its own: on the training interactions and `--share` as
many random ones, or on texts with slips or without their ends. Its file holds the gain of every validation target,
asked with the noisy history and with the clean one. `commands` prints those of all cells; `join` makes of their files
the curve, with the loss against the same recipe without noise and its paired interval. The test part stays unread.
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from benchmarks.machine import describe_machine
from benchmarks.noise import TEXTS, with_bad_texts, with_random_interactions
from benchmarks.ranking_work import prepare, ranked, recalled_order
from benchmarks.retrieval_quality import task_of
from tfrec.config import load_config
from tfrec.data.dataset import load_dataset
from tfrec.data.histories import histories
from tfrec.data.splits import split
from tfrec.data.worth import learn_worth
from tfrec.evaluation.intervals import paired_difference

RESULTS = Path(__file__).parent / "results"
SHARES = (0.0, 0.05, 0.1, 0.2)
RECIPES: dict[str, tuple[str, ...]] = {
    "plain": (),
    "robust": ("ranking.adversarial=0.1", "ranking.label_smoothing=0.1", "data.abnormal=0.2"),
}
CLEAN = "clean"
STAGES, ASKED = ("retrieval", "ranking"), ("noisy", "clean")

Cell = dict[str, Any]


def measure_cell(
    source: str, *, share: float, text: str, recipe: str, seed: int, settings: list[str]
) -> Cell:
    """Trains one cell and ranks the validation targets.

    Args:
        source: dataset folder or built-in name.
        share: of random interactions, as of the real ones.
        text: `CLEAN` or a key of `TEXTS`.
        recipe: key of `RECIPES`.
        seed: of noise and training.
        settings: put over the recipe.
    """
    machine, started = describe_machine(), time.perf_counter()
    config = load_config(None, [*RECIPES[recipe], f"seed={seed}", *settings])
    dataset = load_dataset(source)
    clean = split(histories(dataset)).train
    dataset = with_random_interactions(dataset, share, seed)
    if text != CLEAN:
        dataset = with_bad_texts(dataset, text, seed)
    task, _ = task_of(dataset, config)
    noisy = task.split.train
    worth = learn_worth(dataset, histories(dataset), noisy, config.data)
    work = prepare(task, config, [noisy, clean], worth=worth)
    orders = ([recalled_order(asked) for asked in work.asked], ranked(work, config, seed=seed))
    gains = {
        f"{stage} {asked}": np.round(values, 5).tolist()
        for stage, order in zip(STAGES, orders, strict=True)
        for asked, values in zip(ASKED, order, strict=True)
    }
    return {
        "data": dataset.name,
        "share": share,
        "text": text,
        "recipe": recipe,
        "seed": seed,
        "ndcg@10": {name: float(np.mean(values)) for name, values in gains.items()},
        "seconds": round(time.perf_counter() - started, 1),
        "settings": config.model_dump(),
        "machine": machine,
        "gains": gains,
    }


def commands(source: str, folder: str, seeds: int, settings: list[str]) -> list[str]:
    """The command of every cell, for a shell."""
    noises = [(share, CLEAN) for share in SHARES] + [(0.0, text) for text in TEXTS]
    added = "".join(f" --set {setting}" for setting in settings)
    return [
        f"python -m benchmarks.ranking_robustness cell {source} --share {share} --text {text} --recipe {recipe}"
        f" --seed {seed}{added} --out {folder}/{recipe}_{share}_{text}_{seed}.json"
        for seed in range(seeds)
        for share, text in noises
        for recipe in RECIPES
    ]


def joined(cells: list[Cell]) -> dict[str, Any]:
    """Of each noise and recipe the figures, and the loss against the recipe without noise, over all seeds."""
    kept = {(cell["recipe"], cell["share"], cell["text"], cell["seed"]): cell for cell in cells}
    rows: dict[str, dict[str, Any]] = {}
    for recipe, share, text in sorted({key[:3] for key in kept}):
        seeds = [key[3] for key in kept if key[:3] == (recipe, share, text)]
        seeds = [seed for seed in seeds if (recipe, 0.0, CLEAN, seed) in kept]
        row: dict[str, Any] = {"recipe": recipe, "share": share, "text": text, "seeds": sorted(seeds)}
        for figure in cells[0]["gains"] if seeds else ():
            own, calm = (
                np.mean([kept[(recipe, *noise, seed)]["gains"][figure] for seed in seeds], axis=0)
                for noise in ((share, text), (0.0, CLEAN))
            )
            row[figure] = {"ndcg@10": own.mean(), "loss": paired_difference(calm, own)._asdict()}
        rows[f"{recipe} {share} {text}"] = row
    facts = {name: cells[0][name] for name in ("data", "machine")}
    settings = {
        cell["recipe"]: cell["settings"]["ranking"] | {"data": cell["settings"]["data"]} for cell in cells
    }
    return {**facts, "settings": settings, "rows": list(rows.values())}


def table(result: dict[str, Any]) -> str:
    """One line for each noise and recipe: figure and loss of ranking (noisy and clean history) and of retrieval."""
    figures = ("ranking noisy", "ranking clean", "retrieval noisy")
    lines = ["| noise | recipe | " + " | ".join(f"{name}: ndcg@10, loss" for name in figures) + " |"]
    lines.append("|---" * (2 + len(figures)) + "|")
    for row in sorted(result["rows"], key=lambda row: (row["text"], row["share"], row["recipe"])):
        noise = f"{row['share']:.0%}" if row["text"] == CLEAN else row["text"]
        cells = [_cell(row[name]) for name in figures if name in row]
        lines.append("| " + " | ".join([noise, row["recipe"], *cells]) + " |")
    return "\n".join(lines)


def _cell(figure: dict[str, Any]) -> str:
    loss = figure["loss"]
    return f"{figure['ndcg@10']:.4f}, {loss['mean']:+.4f} [{loss['low']:+.4f}, {loss['high']:+.4f}]"


def _write(path: Path, result: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".tmp")
    aside.write_text(json.dumps(result) + "\n", encoding="utf-8")
    os.replace(aside, path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = parser.add_subparsers(dest="what", required=True)
    cell, every, join = (what.add_parser(name) for name in ("cell", "commands", "join"))
    cell.add_argument("dataset")
    cell.add_argument("--share", type=float, default=0.0, help="random interactions, as a share of the real")
    cell.add_argument("--text", choices=[CLEAN, *TEXTS], default=CLEAN)
    cell.add_argument("--recipe", choices=[*RECIPES], required=True)
    cell.add_argument("--seed", type=int, default=0)
    cell.add_argument("--out", type=Path, required=True)
    every.add_argument("dataset")
    every.add_argument("--folder", required=True)
    every.add_argument("--seeds", type=int, default=1)
    for one in (cell, every):
        one.add_argument("--set", action="append", default=[], metavar="STAGE.KEY=VALUE")
    join.add_argument("folder", type=Path)
    return parser


def main() -> None:
    """Runs one cell, prints the commands of all, or joins them."""
    options = _parser().parse_args()
    if options.what == "cell":
        noise = {name: getattr(options, name) for name in ("share", "text", "recipe", "seed")}
        cell = measure_cell(options.dataset, **noise, settings=options.set)
        _write(options.out, cell)
        print(json.dumps({**noise, **cell["ndcg@10"], "seconds": cell["seconds"]}))
    elif options.what == "commands":
        print("\n".join(commands(options.dataset, options.folder, options.seeds, options.set)))
    else:
        result = joined([json.loads(path.read_text()) for path in sorted(options.folder.glob("*.json"))])
        _write(RESULTS / f"ranking_robustness_{result['data']}.json", result)
        print(table(result))


if __name__ == "__main__":
    main()
