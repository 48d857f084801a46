"""What a session's feedback is worth: users who want one category today, whatever they took before.

    python -m benchmarks.session_regret RUN [--users 100] [--rounds 6] [--places 5]

A simulated user comes with a known user's history and wants one category, drawn among those with items enough. In each
round they are shown the first places of a slate without what they were shown before, take what is of the category and
pass over the rest. Regret is what was shown beside the category, while there was enough of it to fill every place.
Three ways to go on: *static* tells the model nothing of the session, *feedback* what was taken and passed over,
*explored* besides draws the order (`exploration`). The intervals are over users, 95 % bootstrap.
"""

import argparse
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.machine import describe_machine
from tfrec.data.item_text import MULTI_VALUE
from tfrec.evaluation.intervals import mean_interval
from tfrec.funnel import Funnel
from tfrec.run import Run

RESULTS = Path(__file__).parent / "results"
WAYS = ("static", "feedback", "explored")
EXPLORED = 0.1  # strength of the drawn order


@dataclass
class Session:
    """A user in front of a funnel.

    Args:
        funnel: answers.
        user_id: whose history it is.
        wanted: item ids of the category.
        way: one of `WAYS`.
    """

    funnel: Funnel
    user_id: str
    wanted: set[str]
    way: str
    liked: list[str] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)

    def round(self, places: int) -> int:
        """Shows a slate and takes what is wanted; how many places showed something else."""
        seen = [*self.liked, *self.passed_over]
        is_told = self.way != "static"
        slate = self.funnel.recommend(
            self.user_id,
            exclude=seen,
            liked=self.liked if is_told else (),
            shown=seen if is_told else (),
            exploration=EXPLORED if self.way == "explored" else 0.0,
            k=places,
        )
        taken = [one.item_id for one in slate if one.item_id in self.wanted]
        self.liked += taken
        self.passed_over += [one.item_id for one in slate if one.item_id not in self.wanted]
        return places - len(taken)


def categories(run: Run, least: int) -> dict[str, set[str]]:
    """The categories of the catalogue with so many items, and their ids.

    Raises:
        ValueError: there is none.
    """
    column = run.schema.category_column
    found: dict[str, set[str]] = {}
    values = run.items[column].fillna("") if column else []
    for item_id, line in zip(run.items["item_id"], values, strict=False):
        for value in str(line).split(MULTI_VALUE):
            found.setdefault(value, set()).add(item_id)
    enough = {value: ids for value, ids in found.items() if value and len(ids) >= least}
    if not enough:
        raise ValueError(
            f"RUN must have a category of {least} items. Received: {run.folder}, which has none."
        )
    return enough


def measure(run: Run, funnel: Funnel, *, users: int, rounds: int, places: int) -> dict[str, object]:
    """Mean regret of each way, round by round, and how much less than static it is in all rounds together."""
    rng, choice = np.random.default_rng(0), categories(run, 2 * rounds * places)
    drawn = rng.permutation(np.flatnonzero(run.past("test").lengths))[:users]
    wanted = rng.choice(sorted(choice), len(drawn))
    regret = {
        way: np.array(
            [
                regrets(funnel, run.user_ids[user], choice[name], way, rounds, places)
                for user, name in zip(drawn, wanted, strict=True)
            ]
        )
        for way in WAYS
    }
    return {
        "users": len(drawn),
        "regret": {way: np.round(values.mean(0), 3).tolist() for way, values in regret.items()},
        "less": {way: mean_interval((regret["static"] - regret[way]).sum(1))._asdict() for way in WAYS[1:]},
    }


def regrets(funnel: Funnel, user_id: str, wanted: set[str], way: str, rounds: int, places: int) -> list[int]:
    """Of one session, round by round."""
    session = Session(funnel, user_id, wanted, way)
    return [session.round(places) for _ in range(rounds)]


def main() -> None:
    """Measures, prints and keeps the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--users", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--places", type=int, default=5)
    options = parser.parse_args()
    machine, run = describe_machine(), Run.open(options.run)
    sizes = {"rounds": options.rounds, "places": options.places}
    figures = {**sizes, **measure(run, Funnel.from_run(run), users=options.users, **sizes)}
    name = run.facts()["dataset"]
    print(f"{name}: " + json.dumps(figures, indent=1))
    path = RESULTS / f"session_regret_{name}.json"
    path.write_text(json.dumps({"machine": machine, **figures}, indent=1))


if __name__ == "__main__":
    main()
