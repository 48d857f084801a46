"""Whether the event that a reason names carries the score: what its removal costs, beside that of the other events.

    python -m benchmarks.reason_faithfulness RUN [--users 200] [--k 5]

For users drawn by seed, with 3 to 15 known events: each item of the slate whose reason says "because of" an event is
ranked again without this event, and without each of the others. The interval is over items, 95 % bootstrap.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.machine import describe_machine
from tfrec.evaluation.intervals import mean_interval
from tfrec.explain import Explainer
from tfrec.funnel import Funnel
from tfrec.run import Run

RESULTS = Path(__file__).parent / "results"
BECAUSE = "because of "
FEWEST, MOST = 3, 15  # events of a user that is asked about


def removals(funnel: Funnel, history: list[str], k: int) -> Iterator[tuple[float, float]]:
    """What the removal of the cited event costs, and that of the others on average, for each item that cites one."""
    explainer, titles = Explainer(funnel), {funnel.titles[event]: event for event in history}
    for one in funnel.recommend("", history, k=k, language="en"):
        cited = titles.get(one.reason.removeprefix(BECAUSE))
        if cited is None or not one.reason.startswith(BECAUSE):
            continue
        without = [[event for event in history if event != gone] for gone in history]
        whole, *left = explainer.scores("", one.item_id, [history, *without])
        costs = dict(zip(history, whole - np.array(left), strict=True))
        yield costs[cited], float(np.mean([cost for event, cost in costs.items() if event != cited]))


def measure(run: Run, *, users: int, k: int) -> dict[str, object]:
    """The mean costs of both removals, their difference with its interval, and how often the cited one costs more."""
    known, ids = run.known("test"), run.items["item_id"].to_list()
    asked = np.flatnonzero((known.lengths >= FEWEST) & (known.lengths <= MOST))
    funnel, drawn = Funnel.from_run(run), np.random.default_rng(0).permutation(asked)[:users]
    pairs = np.array(
        [pair for user in drawn for pair in removals(funnel, [ids[item] for item in known.of(user)], k)]
    )
    cited, other = pairs.T
    return {
        "users": len(drawn),
        "items": len(pairs),
        "cited": float(cited.mean()),
        "other": float(other.mean()),
        "more": mean_interval(cited - other)._asdict(),
        "share_more": float((cited > other).mean()),
    }


def main() -> None:
    """Measures, prints and keeps the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--k", type=int, default=5)
    options = parser.parse_args()
    machine, run = describe_machine(), Run.open(options.run)
    name = run.facts()["dataset"]
    figures = measure(run, users=options.users, k=options.k)
    print(f"{name}: " + json.dumps(figures, indent=1))
    path = RESULTS / f"reason_faithfulness_{name}.json"
    path.write_text(json.dumps({"machine": machine, **figures}, indent=1))


if __name__ == "__main__":
    main()
