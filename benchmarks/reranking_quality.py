"""What each strength of diversity, calibration and fairness costs and gives, on the ranking stage's own lists.

    python -m benchmarks.reranking_quality RUN [--users 1000] [--on valid]

The lists of a seeded sample of targets are made once; each setting then shapes the same lists into slates of 20.
ndcg@10 is that of the one held-out item. ild@20 is the mean pairwise language distance, tail@20 the share of places
that items outside the fifth of the most popular have. Differences in ndcg come with a 95 % interval over users.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.machine import describe_machine
from tfrec.config import make_config
from tfrec.data.splits import Targets
from tfrec.evaluation.evaluate import stage_lists
from tfrec.funnel import Funnel
from tfrec.reranking.draft import Draft, Wishes
from tfrec.reranking.fairness import members
from tfrec.reranking.reranker import make_reranker
from tfrec.reranking.rules.book import NO_RULES
from tfrec.run import Run

RESULTS = Path(__file__).parent / "results"
SHOWN, AT = 20, 10
SETTINGS: list[dict[str, Any]] = [
    {},
    *({"diversify": method, "diversity": s} for method in ("mmr", "dpp") for s in (0.05, 0.1, 0.2, 0.3, 0.5)),
    *({"calibration": s} for s in (0.1, 0.3, 0.5)),
    *({"fair_shares": {"tail": share}, "fairness": 1.0} for share in (0.2, 0.35, 0.5)),
    *({"debias": s} for s in (0.1, 0.3)),
]


class Lists:
    """The candidates and ranking scores of a sample of targets.

    Args:
        run: a finished run.
        on: "valid" or "test".
        users: how many targets.
    """

    def __init__(self, run: Run, on: str, users: int) -> None:
        self.run, targets = run, run.targets(on)
        drawn = np.random.default_rng(0).permutation(len(targets))[:users]
        self.targets = Targets(*(part[drawn] for part in targets))
        self.signatures = Funnel.from_run(run, on, additions=()).signatures
        self.known = run.known(on)
        self.slate = stage_lists(self.signatures, run, on, self.targets)
        self.popularity = self.signatures.slate.features.tables["popularity"].value
        self.is_tail = members("popularity", {"tail": 1.0}, run.content, self.popularity.numpy())[:, 0]

    def shaped(self, settings: dict[str, Any], batch: int = 64) -> np.ndarray:
        """Slates int32 `[targets, 20]` by row under some settings of re-ranking."""
        config = make_config({"reranking": settings}).reranking
        content, column = self.run.content, self.run.schema.category_column
        tables = {"vectors": self.signatures.reasons.vectors, "popularity": self.popularity}
        steps = make_reranker(config, **tables, content=content, column=column, book=NO_RULES)
        recent = self.known.tail_rows(self.signatures.read.length)[self.targets.user]

        @tf.function(autograph=False, reduce_retracing=True)
        def shape(rows: tf.Tensor, ranking: tf.Tensor, recent: tf.Tensor, user: tf.Tensor) -> tf.Tensor:
            asked = {
                name: tf.fill(tf.shape(user), getattr(config, name)) for name in ("diversity", "fairness")
            }
            wishes = Wishes.of(recent, tf.constant(SHOWN), seed=tf.cast(user, tf.int64), **asked)
            *_, last = steps(Draft.of(rows, ranking), wishes).values()
            return last.rows[:, :SHOWN]

        parts = [slice(start, start + batch) for start in range(0, len(recent), batch)]
        columns = (self.slate.candidates, self.slate.ranking, recent, self.targets.user)
        return np.concatenate([shape(*(column[part] for column in columns)).numpy() for part in parts])

    def ndcg(self, slates: np.ndarray) -> np.ndarray:
        """Of each target, float `[targets]`."""
        hit = slates[:, :AT] == self.targets.item[:, None] + 1
        return (hit / np.log2(np.arange(AT) + 2)).sum(1)

    def distance(self, slates: np.ndarray) -> float:
        """Mean pairwise language distance."""
        vectors = self.signatures.reasons.vectors.numpy()[slates]
        total = np.square(vectors.sum(1)).sum(1) - np.square(vectors).sum((1, 2))
        return float(1 - (total / (SHOWN * (SHOWN - 1))).mean())


def measure(lists: Lists) -> list[dict[str, Any]]:
    """One line for each setting; the first is the order of ranking."""
    lines: list[dict[str, Any]] = []
    base = np.zeros(0)
    for settings in SETTINGS:
        slates = lists.shaped(settings)
        ndcg = lists.ndcg(slates)
        base = base if lines else ndcg
        lines.append(
            {
                "settings": settings,
                f"ndcg@{AT}": ndcg.mean(),
                "difference": (ndcg - base).mean(),
                "interval": 1.96 * (ndcg - base).std() / np.sqrt(len(ndcg)),
                f"ild@{SHOWN}": lists.distance(slates),
                f"tail@{SHOWN}": lists.is_tail[slates].mean(),
            }
        )
    return lines


def main() -> None:
    """Measures a run, prints a table, keeps the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--on", choices=["valid", "test"], default="valid")
    options = parser.parse_args()
    machine = describe_machine()
    run = Run.open(options.run)
    lines = measure(Lists(run, options.on, options.users))
    for line in lines:
        print(
            f"{line['settings'] or 'order of ranking'!s:<50} ndcg {line['ndcg@10']:.4f} "
            f"({line['difference']:+.4f} ± {line['interval']:.4f})  ild {line['ild@20']:.3f}  "
            f"tail {line['tail@20']:.3f}"
        )
    RESULTS.mkdir(exist_ok=True)
    facts = {"machine": machine, "dataset": run.facts()["dataset"], "users": options.users, "on": options.on}
    path = RESULTS / f"reranking_quality_{run.folder.name}.json"
    path.write_text(json.dumps({**facts, "lines": lines}, indent=1))


if __name__ == "__main__":
    main()
