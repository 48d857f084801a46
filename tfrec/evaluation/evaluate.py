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
from tfrec.evaluation.groups import Groups, item_groups, measure_groups, user_groups
from tfrec.evaluation.metrics_file import METRICS_FILE, RANKS_FILE, REPORT_FILE, write_metrics, write_ranks
from tfrec.evaluation.pointwise import pointwise_figures
from tfrec.evaluation.protocol import Ranking, Score, equal_time_share, lift, rank_targets, slices
from tfrec.evaluation.report import write_report
from tfrec.evaluation.rivals import rank_rivals
from tfrec.evaluation.trade_offs import Candidates, diversity_curve, fairness_curve, shaper, tail_fairness
from tfrec.funnel import Funnel
from tfrec.ranking.ranker import Ranker
from tfrec.reranking.draft import Wishes
from tfrec.reranking.fairness import POPULARITY, TAIL
from tfrec.retrieval.filters import Filters
from tfrec.retrieval.interests import largest
from tfrec.run import Fit, Run
from tfrec.signatures import Signatures
from tfrec.slate import Slate

BATCH, DRAWN = 256, 2000
SHAPING = ("ranking", "reranking")
SHAPED, AT_ONCE = 1000, 64  # of the drawn: each is shaped a few dozen times, so many together


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
    seed = run.config.seed
    drawn, fair = draw(asked, targets, seed=seed), draw(asked, targets, seed=seed, most=SHAPED, fairness=1.0)
    items = item_groups(run.content, known.counts(len(run.items)))
    users = user_groups(run.side.profile, known)
    metrics = metrics_document(
        stages,
        rivals,
        slices(targets, known, len(run.items)),
        len(run.items),
        protocol=_protocol(run, on),
        vectors=language,
        pointwise=measure_pairs(drawn, signatures.slate.ranker),
        groups=measure_groups({name: stages[name] for name in SHAPING}, targets, items, users),
        curves=measure_curves(drawn, fair, signatures, items, language),
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


def draw(
    asked: "_Asked", targets: Targets, *, seed: int, most: int | None = None, fairness: float | None = None
) -> Candidates:
    """What the ranking stage gives to re-ranking for targets drawn.

    Args:
        asked: the graph.
        targets: to draw from.
        seed: of the draw.
        most: targets drawn, `DRAWN` if not said.
        fairness: with which candidates are asked for; None = as the run is served.
    """
    drawn = np.random.default_rng(seed).permutation(len(targets))[: most or DRAWN]
    users, wanted = targets.user[drawn], targets.item[drawn] + 1
    # fairness brings more candidates: tensors of other sizes, beside which those of the stages stay allocated
    parts = [users[first : first + AT_ONCE] for first in range(0, len(drawn), AT_ONCE)]
    slates = [asked(part, fairness=fairness).slate for part in parts]
    rows, retrieval, ranking = (
        np.concatenate([getattr(slate, name) for slate in slates]) if slates else np.zeros((0, 1))
        for name in ("candidates", "retrieval", "ranking")
    )
    return Candidates(rows, retrieval, ranking, asked.recent[users], users, wanted)


def measure_pairs(drawn: Candidates, ranker: Ranker) -> dict[str, Any]:
    """The figures of the ranking stage's candidates and their probabilities."""
    present = drawn.rows > 0
    probabilities = np.asarray(ranker.probability(drawn.ranking))
    return pointwise_figures((drawn.rows == drawn.wanted[:, None])[present], probabilities[present])


def measure_curves(
    drawn: Candidates, fair: Candidates, signatures: Signatures, items: Groups, language: np.ndarray | None
) -> dict[str, Any]:
    """What strengths of diversity and fairness buy, for at most `SHAPED` targets; None where nothing tells.

    Args:
        drawn, fair: candidates of the same targets first, asked for as the run is served, and with fairness.
        signatures: of the run.
        items: groups of them.
        language: vectors of the catalogue, where there are any.
    """
    some, more = drawn.part(0, SHAPED), fair.part(0, SHAPED)
    if not len(some.user):
        return {"diversity": None, "fairness": None}
    reranker, tail, wanted = signatures.slate.reranker, items[POPULARITY][TAIL], some.wanted - 1
    plain = shaper(reranker, some, batch=AT_ONCE)
    with_tail = shaper(tail_fairness(reranker, tail), more, batch=AT_ONCE)
    default = signatures.config.reranking.diversity
    return {
        "targets": len(wanted),
        "diversity": None if language is None else diversity_curve(plain, wanted, language, default=default),
        "fairness": fairness_curve(with_tail, wanted, tail),
    }


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
        def made(
            user: tf.Tensor, recent: tf.Tensor, seen: tf.Tensor, context: Context | None, fairness: tf.Tensor
        ) -> _Made:
            request = signatures.read.of_rows(user, recent, seen, context=context)
            asked = stages.recall.ask(request)
            strengths = {"diversity": settings.diversity, "fairness": fairness}
            filled = {name: tf.fill(tf.shape(user), strength) for name, strength in strengths.items()}
            wishes = Wishes.of(recent, k, seed=tf.cast(user, tf.int64), user=user, **filled)
            slate = stages.make(request, asked, Filters(seen), wishes)
            return _Made(largest(asked.sought), slate._replace(drafts={}))

        self._made, self.fairness = made, settings.fairness

    def __call__(self, users: np.ndarray, *, fairness: float | None = None) -> _Made:
        rows = [self.masked.of(user) + 1 if self.masked else np.zeros(1, np.int32) for user in users]
        seen = np.zeros((len(rows), max(1, *map(len, rows))), np.int32)
        for line, row in zip(seen, rows, strict=True):
            line[: len(row)] = row
        context = self.side.context_of(self.event[users])
        strength = tf.constant(self.fairness if fairness is None else fairness, tf.float32)
        answer = self._made(users.astype(np.int32) + 1, self.recent[users], seen, context, strength)
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
