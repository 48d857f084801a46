"""Whether explanations of ranking say what carries a score: an event that is cited most is taken away, and another one.

    python -m benchmarks.ranking_faithfulness RUN [--users N] [--seed N]

For users drawn at random the item that ranking puts first is explained; its score is asked again without the event that
the explanation cites most, and without one of the others drawn at random. What the first costs more than the second is
told with its interval over users, and how far the parts of both kinds of explanation miss their sum.
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from benchmarks.machine import describe_machine
from tfrec.evaluation.intervals import mean_interval, paired_difference
from tfrec.explain import Explainer
from tfrec.funnel import Funnel
from tfrec.run import Run

RESULTS = Path(__file__).parent / "results"
LEAST = 3  # events; of fewer there is hardly another one to take away


def measure(run: Run, *, users: int, seed: int) -> dict[str, Any]:
    """Takes events away from so many users' histories.

    Args:
        run: finished; its test fit answers, with what it knows of the users.
        users: how many are drawn of those with `LEAST` events.
        seed: of all that is drawn.
    """
    funnel, rng = Funnel.from_run(run, additions=()), np.random.default_rng(seed)
    explainer, known = Explainer(funnel), run.known("test").distinct()
    chosen = rng.permutation(np.flatnonzero(known >= LEAST))[:users]
    taken = [_taken_away(explainer, funnel, run, int(user), rng) for user in chosen]
    found = [one for one in taken if one is not None]
    cited, other, shares, missed = (np.array(column) for column in zip(*found, strict=True))
    return {
        "users": len(found),
        "seed": seed,
        "without the most cited": mean_interval(cited)._asdict(),
        "without another": mean_interval(other)._asdict(),
        "more": paired_difference(cited, other)._asdict(),
        "cited costs more": float((cited > other).mean()),
        "events_error": float(np.abs(shares).max()),
        "groups_error": float(np.abs(missed).mean()),
    }


def _taken_away(
    explainer: Explainer, funnel: Funnel, run: Run, user: int, rng: np.random.Generator
) -> tuple[float, float, float, float] | None:
    """What both take from the score of a user's first item, and the errors of the explanation; None without an item."""
    name = run.user_ids[user]
    history = [str(run.items["item_id"].iloc[item]) for item in run.known("test").of(user)]
    history = history[-run.config.retrieval.length :]
    slate = funnel.recommend(name, history, k=1)
    if not slate:
        return None
    first = explainer(name, slate[0].item_id, history)
    cited = first.events[0].item_id
    other = rng.choice([event for event in history if event != cited])
    without = [[event for event in history if event != gone] for gone in (cited, other)]
    whole, *left = explainer.scores(name, slate[0].item_id, [history, *without])
    return float(whole - left[0]), float(whole - left[1]), first.events_error, first.groups_error


def main() -> None:
    """Measures one run, prints the figures and keeps the raw result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    run, machine = Run.open(options.run), describe_machine()
    facts = run.facts()
    data = {name: facts[name] for name in ("dataset", "fingerprint")}
    result = {"data": data, **measure(run, users=options.users, seed=options.seed), "machine": machine}
    path = RESULTS / f"ranking_faithfulness_{facts['dataset']}.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps({name: value for name, value in result.items() if name != "machine"}, indent=2))


if __name__ == "__main__":
    main()
