"""What each way of re-ranking is worth on the same slates: ndcg@10, milliseconds, and the curve of diversity.

    python -m benchmarks.reranking_quality RUN [--on valid] [--users 1000] [--read SCORES.npy]

Slates are the first of ranking's order at the targets of a seeded sample of users. The slate model is fitted anew from
the run's own slates, with nobody to teach it; the distilled one is that of a run that has a cross-encoder, which reads
its `reading.pairs` first candidates. What a cross-encoder says may come from a file instead, read on another machine:
float `[users, n]` of the sampled slates, NaN where it has read nothing; it is added to the ranking scores. Differences
to the order of ranking come with a paired 95 % interval, and by the millisecond that a request takes.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

from benchmarks.machine import describe_machine
from tfrec.evaluation.intervals import paired_difference
from tfrec.reading import cross_reading
from tfrec.reranking.cross_fit import read_slates
from tfrec.reranking.diversity import Diversity
from tfrec.reranking.draft import Draft, Wishes
from tfrec.reranking.language_step import LanguageReading
from tfrec.reranking.slate_features import SlateVectors
from tfrec.reranking.slate_fit import fit_slate_model, read_all
from tfrec.reranking.slate_model import SlateModel, read_slate
from tfrec.reranking.slates import Slates
from tfrec.run import SLATES, Fit, Run
from tfrec.run_slates import target_slates
from tfrec.stages import Stages

RESULTS = Path(__file__).parent / "results"
AT, SHOWN, REPEATS = 10, 20, 50
STRENGTHS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)


def ndcg(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Of the one answer of each slate among its first `AT`, ties against it: float64 `[slates]`."""
    own = np.where(labels > 0, scores, np.inf).min(1, keepdims=True)
    place = ((scores >= own) & (labels == 0)).sum(1)
    return np.where((labels > 0).any(1) & (place < AT), 1 / np.log2(place + 2.0), 0.0)


def with_reader(slates: Slates, logits: np.ndarray) -> np.ndarray:
    """Ranking scores and, where there is one, what a cross-encoder adds to them; what it has not read stays behind."""
    has_read = ~np.isnan(logits)
    behind = np.where(has_read, 0.0, np.ptp(slates.ranking) + np.nanmax(np.abs(logits), initial=0.0))
    return slates.ranking + np.where(has_read, logits, 0.0) - behind


def ways(run: Run, on: Fit, stages: Stages, slates: Slates, vectors: SlateVectors) -> dict[str, np.ndarray]:
    """Way → scores `[slates, n]`; no two of ranking's are equal, so that a tie is the order it came in."""
    n = slates.rows.shape[1]
    scores = {"ranking": slates.ranking - 1e-6 * np.arange(n)}
    plain = None
    if (run.folder / on / SLATES).is_file():
        learned = Slates.load(run.folder / on / SLATES)
        plain = fit_slate_model(learned, vectors, run.config.reranking, seed=run.config.seed)
    distilled = stages.slate_model if run.reader_gain else None
    for name, model in {"slate model": plain, "distilled slate model": distilled}.items():
        if model is not None:
            scores[name] = model.predict(read_all(slates, vectors), batch_size=256, verbose=0)
    return scores


def read_by(reading: LanguageReading, slates: Slates) -> np.ndarray:
    """What a cross-encoder adds to the scores of ranking, float32 `[slates, n]`, NaN where it has read nothing."""
    said = np.full(slates.rows.shape, np.nan, np.float32)
    said[:, : reading.pairs] = reading.gain * read_slates(reading.model, slates.head(reading.pairs))
    return said


def reading_milliseconds(reading: LanguageReading, slates: Slates) -> float:
    """Median time of a cross-encoder for one request."""
    one = slates.head(reading.pairs).take(np.arange(1))
    inputs = {"history": one.history, "candidates": one.rows, "user": one.user + 1}
    read = tf.function(reading.model, autograph=False)
    return timed(lambda: read({name: tf.constant(value) for name, value in inputs.items()}))


def slate_milliseconds(slates: Slates, vectors: SlateVectors) -> float:
    """Median time of the slate model for one request, gathering included."""
    tables, model = SlateVectors(*map(tf.constant, vectors)), SlateModel()
    one = [tf.constant(getattr(slates, name)[:1]) for name in ("rows", "history", "ranking", "retrieval")]
    read = tf.function(lambda *said: model(read_slate(tables, *said)), autograph=False)
    return timed(lambda: read(*one))


def timed(call: Callable[[], Any]) -> float:
    """Median milliseconds of a call that has been made before."""
    seconds = []
    for _ in range(REPEATS + 1):
        started = time.perf_counter()
        call().numpy()
        seconds.append(time.perf_counter() - started)
    return 1e3 * median(seconds[1:])


def diversity_curve(slates: Slates, vectors: np.ndarray) -> list[dict[str, float]]:
    """Strength of MMR → ndcg and the mean pairwise distance of the first `SHOWN`."""
    step, lines = Diversity(tf.constant(vectors), "mmr"), []
    for strength in STRENGTHS:
        wishes = Wishes.of(
            tf.constant(slates.history), tf.constant(SHOWN), diversity=tf.fill([len(slates)], strength)
        )
        draft = step(Draft.of(tf.constant(slates.rows), tf.constant(slates.ranking)), wishes)
        place = draft.place.numpy()
        labels = np.take_along_axis(slates.labels, place, 1)
        shown = vectors[draft.rows.numpy()[:, :SHOWN]]
        alike = (np.square(shown.sum(1)).sum(1) - np.square(shown).sum((1, 2))) / (SHOWN * (SHOWN - 1))
        by_place = np.broadcast_to(-np.arange(labels.shape[1], dtype=float), labels.shape)
        lines.append(
            {
                "strength": strength,
                f"ndcg@{AT}": float(ndcg(labels, by_place).mean()),
                f"ild@{SHOWN}": float(1 - alike.mean()),
            }
        )
    return lines


def measure(run: Run, on: Fit, users: int, read: Path | None) -> dict[str, Any]:
    """All figures of a run."""
    stages, slates = run.load_stages(on), target_slates(run, on, n=run.config.reranking.slate)
    drawn = np.sort(np.random.default_rng(0).permutation(len(slates))[:users])
    slates = slates.take(drawn)
    vectors = SlateVectors(stages.ranker.vectors.numpy(), stages.two_tower.blend.content.numpy())
    scores = ways(run, on, stages, slates, vectors)
    milliseconds = dict.fromkeys(
        ("slate model", "distilled slate model"), slate_milliseconds(slates, vectors)
    )
    if read is not None:
        scores["cross-encoder"] = with_reader(slates, np.load(read))
    elif (reading := cross_reading(run, [run.items])) is not None:
        scores["cross-encoder"] = with_reader(slates, read_by(reading, slates))
        milliseconds["cross-encoder"] = reading_milliseconds(reading, slates)
    gains = {name: ndcg(slates.labels, some) for name, some in scores.items()}
    rows = {}
    for name, gain in gains.items():
        difference = paired_difference(gain, gains["ranking"])
        rows[name] = {f"ndcg@{AT}": float(gain.mean()), **difference._asdict()}
        if name in milliseconds:
            rows[name]["milliseconds"] = milliseconds[name]
    return {
        "users": len(slates),
        "answered": float(slates.answered.mean()),
        "ways": rows,
        "diversity": diversity_curve(slates, run.content.language) if run.content.spec.text_dim else [],
    }


def line_of(name: str, row: dict[str, float]) -> str:
    """A line of the table of ways."""
    line = f"{name:<24} ndcg {row['ndcg@10']:.4f}  {row['mean']:+.4f} [{row['low']:+.4f}, {row['high']:+.4f}]"
    if "milliseconds" not in row:
        return line
    gain = 1e4 * row["mean"] / row["milliseconds"]
    return f"{line}  {row['milliseconds']:7.2f} ms a request, {gain:+.2f} ten-thousandths a millisecond"


def main() -> None:
    """Measures a run, prints a table, keeps the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("--on", choices=["valid", "test"], default="valid")
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--read", type=Path, metavar="SCORES.npy")
    options = parser.parse_args()
    machine, run = describe_machine(), Run.open(options.run)
    figures = measure(run, options.on, options.users, options.read)
    for name, row in figures["ways"].items():
        print(line_of(name, row))
    for line in figures["diversity"]:
        print(f"diversity {line['strength']:.1f}: ndcg {line['ndcg@10']:.4f}, ild {line['ild@20']:.3f}")
    facts = {"machine": machine, "dataset": run.facts()["dataset"], "on": options.on}
    path = RESULTS / f"reranking_quality_{run.facts()['dataset']}.json"
    path.write_text(json.dumps({**facts, **figures}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
