"""The stages one after another, on rows: candidates, ranking scores, the slate."""

from typing import Any, NamedTuple

import tensorflow as tf

from tfrec.config import Config
from tfrec.ranking.features import PairFeatures
from tfrec.ranking.ranker import Ranker
from tfrec.recall import ExactRecall, Parts, Recall
from tfrec.request import Request
from tfrec.reranking.draft import Draft, Relevance, Wishes, clipped
from tfrec.reranking.fairness import Fairness
from tfrec.reranking.reranker import Reranker
from tfrec.retrieval.filters import Filters
from tfrec.retrieval.index import LOWEST, Answer, Spread

GROUP = 50  # the best of a group that join the candidates


class Slate(NamedTuple):
    """What every stage made of a batch of requests.

    Attributes:
        candidates: int32 `[batch, list]`, rows that recall found, best first, 0 = none.
        retrieval, ranking: float32 `[batch, list]`, their scores.
        place: int32 `[batch, k]`, the slate as places in the list.
        score: float32 `[batch, k]`, non-increasing; the lowest float where the slate is shorter.
        drafts: step of re-ranking → the draft that it left.
    """

    candidates: tf.Tensor
    retrieval: tf.Tensor
    ranking: tf.Tensor
    place: tf.Tensor
    score: tf.Tensor
    drafts: dict[str, Draft]

    @property
    def rows(self) -> tf.Tensor:
        """The slate as rows int32 `[batch, k]`, 0 where it is shorter."""
        rows = tf.gather(self.candidates, self.place, batch_dims=1)
        return tf.where(self.score > LOWEST, rows, 0)


class SlateMaker:
    """Recall, ranking and re-ranking of rows.

    Args:
        recall: how candidates are found.
        features, ranker: the trained stages after it.
        reranker: what shapes the slate.
        config: settings.
    """

    def __init__(
        self, recall: Recall, features: PairFeatures, ranker: Ranker, reranker: Reranker, config: Config
    ) -> None:
        self.recall, self.retriever = recall, recall.retriever
        self.features, self.ranker, self.reranker, self.config = features, ranker, reranker, config

    @property
    def layers(self) -> list[Any]:
        """What holds variables."""
        stages = [self.retriever.model, self.retriever.index, self.features, self.ranker]
        return [*stages, *self.reranker.layers]

    def exact(self) -> "SlateMaker":
        """The same over the whole catalogue, whatever index is configured: for evaluation."""
        recall = ExactRecall(self.retriever, self.features, self.config)
        return SlateMaker(recall, self.features, self.ranker, self.reranker, self.config)

    def __call__(self, request: Request, filters: Filters, wishes: Wishes) -> Slate:
        """All stages."""
        return self.make(request, self.recall.ask(request), filters, wishes)

    def make(self, request: Request, asked: Any, filters: Filters, wishes: Wishes) -> Slate:
        """The same once recall was asked."""
        rows, retrieval, spread = self.find(asked, filters, self.config.ranking.candidates)
        rows, retrieval = self._with_groups(asked, filters, wishes, rows, retrieval)
        rows, retrieval = self._with_pinned(rows, retrieval, filters)
        ranking = self.ranking(request, asked, spread, rows)
        wishes = wishes._replace(relevance=Relevance(ranking, retrieval))
        drafts = self.reranker(Draft.of(rows, ranking), wishes)
        *_, last = drafts.values()
        return Slate(rows, retrieval, ranking, *last.first(wishes.longest), drafts)

    def find(
        self, asked: Any, filters: Filters, k: tf.Tensor | int, *, among: tf.Tensor | None = None
    ) -> Answer:
        """What recall finds that no rule keeps away: whoever serves anything asks here.

        Args:
            asked: what `Recall.ask` gave.
            filters: of the requests.
            k: how many.
            among: bool `[items]` by row, whom to look among; None = all.
        """
        rules = self.reranker.rules
        banned = rules.banned() if rules else None
        if among is not None:
            banned = ~among if banned is None else banned | ~among
        return self.recall.find(asked, filters._replace(banned=banned), k)

    def _with_groups(
        self, asked: Any, filters: Filters, wishes: Wishes, rows: tf.Tensor, retrieval: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Candidates with the best of each group that fairness speaks of, where a request asks for it: a group that
        recall has not found cannot be shown."""
        fairness = self.reranker.steps.get("fairness")
        if not isinstance(fairness, Fairness):
            return rows, retrieval
        wants = clipped(wishes.fairness)[:, None] > 0.0

        def joined() -> tuple[tf.Tensor, tf.Tensor]:
            every, scores = rows, retrieval
            for member in tf.unstack(fairness.member, axis=1):
                found = self.find(asked, filters, min(GROUP, self.config.ranking.candidates), among=member)
                is_new = wants & ~tf.reduce_any(found.rows[:, :, None] == every[:, None], 2)
                every = tf.concat([every, tf.where(is_new, found.rows, 0)], 1)
                scores = tf.concat([scores, tf.where(is_new, found.score, LOWEST)], 1)
            return every, scores

        return tf.cond(tf.reduce_any(wants), joined, lambda: (rows, retrieval))

    def _with_pinned(
        self, rows: tf.Tensor, retrieval: tf.Tensor, filters: Filters
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Candidates with what rules pin; retrieval's score of an item that it did not find is the lowest float."""
        rules = self.reranker.rules
        if rules is None or not rules.pin_rule:
            return rows, retrieval
        more = rules.with_pinned(rows, filters.blocked_at(rules.pin_row))
        return more, tf.pad(retrieval, [[0, 0], [0, len(rules.pin_rule)]], constant_values=LOWEST)

    def ranking(self, request: Request, asked: Any, spread: Spread, rows: tf.Tensor) -> tf.Tensor:
        """Ranking scores of rows int32 `[batch, list]`; without any event the order stays that of retrieval."""
        parts = self.recall.of(asked, rows)
        learned = self.ranker(self.pairs(request, parts, spread, rows))
        return where_present(rows, tf.where(request.known, learned, parts.prior) + parts.bonus)

    def pairs(self, request: Request, parts: Parts, spread: Spread, rows: tf.Tensor) -> dict[str, tf.Tensor]:
        """What the ranker reads of rows int32 `[batch, list]`, of which recall said `parts`."""
        side = None
        if self.features.reads_side:
            side = self.retriever.side_evidence(request.user, request.context, rows)
        features = self.features(request.recent, rows, spread.evidence(parts.behaviour), side)
        return {"features": features, "candidates": rows, "history": request.recent}


def where_present(rows: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
    """The scores, and the lowest float where there is no item (row 0)."""
    return tf.where(rows > 0, scores, LOWEST)
