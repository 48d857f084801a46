"""Measures a run: every stage and every baseline by one protocol, into RUN/evaluation/."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfrec.data.histories import Histories
from tfrec.data.splits import Targets
from tfrec.data.user_side import Context, UserSide
from tfrec.evaluation.baselines import item_words
from tfrec.evaluation.document import metrics_document
from tfrec.evaluation.metrics_file import METRICS_FILE, RANKS_FILE, REPORT_FILE, write_metrics, write_ranks
from tfrec.evaluation.pointwise import pointwise_figures
from tfrec.evaluation.protocol import Ranking, Score, equal_time_share, lift, rank_targets, slices
from tfrec.evaluation.report import write_report
from tfrec.evaluation.rivals import rank_rivals
from tfrec.funnel import Funnel
from tfrec.ranking.ranker import Ranker
from tfrec.reranking.draft import Wishes
from tfrec.retrieval.filters import Filters
from tfrec.retrieval.interests import largest
from tfrec.run import Fit, Run
from tfrec.signatures import Signatures
from tfrec.slate import Slate

BATCH, PAIRED = 256, 2000


def evaluate(run: Run, on: Fit = "test") -> dict[str, Any]:
    """Ranks the targets by each stage and each baseline; writes metrics.json, report.html and ranks.parquet.

    Args:
        run: a finished run.
        on: "test" (models that have seen all before the test interaction) or "valid" (the first fit).

    Returns:
        the content of metrics.json.
    """
    past, known, targets = run.past(on), run.known(on), run.targets(on)
    signatures = Funnel.from_run(run, on, additions=()).signatures
    mask_seen = run.config.data.repeats == "first"
    asked = _Asked(signatures, known, past if mask_seen else None, targets, run.side)
    stages = rank_stages(asked, targets, past, mask_seen=mask_seen)
    rivals = rank_rivals(
        known,
        targets,
        past,
        len(run.items),
        texts=item_words(run.items.drop(columns="_title"), run.schema),
        mask_seen=mask_seen,
    )
    language = run.content.language[1:] if run.content.spec.text_dim else None
    metrics = metrics_document(
        stages,
        rivals,
        slices(targets, known, len(run.items)),
        len(run.items),
        protocol=_protocol(run, on),
        vectors=language,
        pointwise=measure_pairs(asked, signatures.slate.ranker, targets, seed=run.config.seed),
        data=_data(run),
        seed=run.config.seed,
    )
    folder = run.folder / "evaluation"
    folder.mkdir(exist_ok=True)
    ids = {"user_ids": np.array(run.user_ids, object), "item_ids": run.items["item_id"].to_numpy(object)}
    write_ranks({**stages, **rivals.rankings}, targets, folder / RANKS_FILE, **ids)
    write_report(metrics, folder / REPORT_FILE)
    write_metrics(metrics, folder / METRICS_FILE)
    return metrics


def rank_stages(
    asked: "_Asked", targets: Targets, past: Histories, *, mask_seen: bool = True
) -> dict[str, Ranking]:
    """The place of every target after each stage.

    Args:
        asked: the graph.
        targets: what came next.
        past: histories that are masked.
        mask_seen: whether they are.
    """
    scores = {"retrieval": _retrieval, "ranking": _ranking, "reranking": _reranking}
    return {
        name: rank_targets(_scorer(asked, score), targets, past, batch=BATCH, mask_seen=mask_seen)
        for name, score in scores.items()
    }


def measure_pairs(asked: "_Asked", ranker: Ranker, targets: Targets, *, seed: int) -> dict[str, Any]:
    """The figures of the ranking stage's candidates and their probabilities, for at most `PAIRED` targets drawn."""
    drawn = np.random.default_rng(seed).permutation(len(targets))[:PAIRED]
    labels, probabilities = [np.zeros(0, bool)], [np.zeros(0)]
    for first in range(0, len(drawn), BATCH):
        part = drawn[first : first + BATCH]
        slate = asked(targets.user[part]).slate
        present = slate.candidates > 0
        labels.append((slate.candidates == targets.item[part, None] + 1)[present])
        probabilities.append(np.asarray(ranker.probability(slate.ranking))[present])
    return pointwise_figures(np.concatenate(labels), np.concatenate(probabilities))


class _Made(NamedTuple):
    """Retrieval scores of all rows float32 `[batch, items]`, and what the stages made of them."""

    catalogue: Any
    slate: Slate


class _Asked:
    """Users' slates by their position, as the served graph makes them over the whole catalogue."""

    def __init__(
        self,
        signatures: Signatures,
        known: Histories,
        masked: Histories | None,
        targets: Targets,
        side: UserSide,
    ) -> None:
        self.masked, self.side = masked, side
        self.event = np.full(len(known), -1, np.int32)
        self.event[targets.user] = targets.event
        self.recent = known.tail_rows(signatures.read.length)
        stages = signatures.slate.exact()
        settings, k = signatures.config.reranking, tf.constant(signatures.config.export.k)

        @tf.function(reduce_retracing=True, autograph=False)
        def made(user: tf.Tensor, recent: tf.Tensor, seen: tf.Tensor, context: Context | None) -> _Made:
            request = signatures.read.of_rows(user, recent, seen, context=context)
            asked = stages.recall.ask(request)
            strengths = {
                name: tf.fill(tf.shape(user), getattr(settings, name)) for name in ("diversity", "fairness")
            }
            wishes = Wishes.of(recent, k, seed=tf.cast(user, tf.int64), **strengths)
            slate = stages.make(request, asked, Filters(seen), wishes)
            return _Made(largest(asked.sought), slate._replace(drafts={}))

        self._made = made

    def __call__(self, users: np.ndarray) -> _Made:
        rows = [self.masked.of(user) + 1 if self.masked else np.zeros(1, np.int32) for user in users]
        seen = np.zeros((len(rows), max(1, *map(len, rows))), np.int32)
        for line, row in zip(seen, rows, strict=True):
            line[: len(row)] = row
        answer = self._made(
            users.astype(np.int32) + 1, self.recent[users], seen, self.side.context_of(self.event[users])
        )
        return tf.nest.map_structure(lambda part: part.numpy(), answer)


def _scorer(asked: _Asked, score: Any) -> Score:
    return lambda users: score(asked(users))


def _retrieval(made: _Made) -> np.ndarray:
    return made.catalogue[:, 1:]


def _ranking(made: _Made) -> np.ndarray:
    return lift(_retrieval(made), made.slate.candidates - 1, made.slate.ranking)


def _reranking(made: _Made) -> np.ndarray:
    rows = np.take_along_axis(made.slate.candidates, made.slate.place, 1)
    shown = np.where(made.slate.score > np.finfo(np.float32).min, rows, 0)
    by_place = np.broadcast_to(-np.arange(shown.shape[1], dtype=np.float32), shown.shape)
    return lift(_ranking(made), shown - 1, by_place)


def _protocol(run: Run, on: Fit) -> dict[str, Any]:
    config, facts = run.config, run.facts()
    return {
        "on": on,
        "split": config.data.split,
        "users": len(run.targets(on)),
        "items": len(run.items),
        "seen_masked": config.data.repeats == "first",
        "ties": "against the model",
        "seed": config.seed,
        "repeats": config.data.repeats,
        "hide_items": config.data.hide_items,
        "equal_time_share": equal_time_share(run.past(on)),
        "candidates": config.ranking.candidates,
        "training_seconds": facts["fits"][on]["seconds"],
        "recall_epochs": facts["fits"][on]["epochs"],
    }


def _data(run: Run) -> dict[str, Any]:
    facts = run.facts()
    return {"name": facts["dataset"], "fingerprint": facts["fingerprint"], "cleaning": facts["cleaning"]}


def metrics_path(run: Run) -> Path:
    """Where `evaluate` writes metrics.json."""
    return run.folder / "evaluation" / METRICS_FILE
