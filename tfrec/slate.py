"""The stages one after another, on rows: candidates, ranking scores, the slate."""

from typing import Any, NamedTuple

import tensorflow as tf

from tfrec.config import Config
from tfrec.ranking.features import PairFeatures
from tfrec.ranking.ranker import Ranker
from tfrec.recall import ExactRecall, Parts, Recall
from tfrec.request import Request
from tfrec.reranking.diversity import maximal_marginal_relevance
from tfrec.retrieval.filters import Filters
from tfrec.retrieval.index import LOWEST, Spread


class Slate(NamedTuple):
    """What every stage made of a batch of requests.

    Attributes:
        candidates: int32 `[batch, list]`, rows that recall found, best first, 0 = none.
        retrieval, ranking: float32 `[batch, list]`, their scores.
        place: int32 `[batch, k]`, the slate as places in the list.
        score: float32 `[batch, k]`, non-increasing; the lowest float where the slate is shorter.
    """

    candidates: tf.Tensor
    retrieval: tf.Tensor
    ranking: tf.Tensor
    place: tf.Tensor
    score: tf.Tensor


class SlateMaker:
    """Recall, ranking and re-ranking of rows.

    Args:
        recall: how candidates are found.
        features, ranker: the trained stages after it.
        config: settings.
    """

    def __init__(self, recall: Recall, features: PairFeatures, ranker: Ranker, config: Config) -> None:
        self.recall, self.retriever = recall, recall.retriever
        self.features, self.ranker, self.config = features, ranker, config
        language = features.tables["language"].value
        self.vectors = (
            language if features.text_dim else tf.math.l2_normalize(features.tables["vectors"].value, 1)
        )

    @property
    def layers(self) -> list[Any]:
        """What holds variables."""
        return [self.retriever.model, self.retriever.index, self.features, self.ranker]

    def exact(self) -> "SlateMaker":
        """The same over the whole catalogue, whatever index is configured: for evaluation."""
        recall = ExactRecall(self.retriever, self.features, self.config)
        return SlateMaker(recall, self.features, self.ranker, self.config)

    def __call__(self, request: Request, filters: Filters, diversity: tf.Tensor, k: tf.Tensor | int) -> Slate:
        """All stages. diversity float32 `[batch]`, k int32 scalar."""
        return self.make(request, self.recall.ask(request), filters, diversity, k)

    def make(
        self, request: Request, asked: Any, filters: Filters, diversity: tf.Tensor, k: tf.Tensor | int
    ) -> Slate:
        """The same once recall was asked."""
        rows, retrieval, spread = self.recall.find(asked, filters, self.config.ranking.candidates)
        ranking = self.ranking(request, asked, spread, rows)
        vectors = tf.gather(self.vectors, rows)
        place, score = maximal_marginal_relevance(ranking, vectors, rows > 0, diversity, k)
        return Slate(rows, retrieval, ranking, place, score)

    def ranking(self, request: Request, asked: Any, spread: Spread, rows: tf.Tensor) -> tf.Tensor:
        """Ranking scores of rows int32 `[batch, list]`; without any event the order stays that of retrieval."""
        parts = self.recall.of(asked, rows)
        learned = self.ranker(self.pairs(request, parts, spread, rows))
        return where_present(rows, tf.where(request.known, learned, parts.prior) + parts.bonus)

    def pairs(self, request: Request, parts: Parts, spread: Spread, rows: tf.Tensor) -> dict[str, tf.Tensor]:
        """What the ranker reads of rows int32 `[batch, list]`, of which recall said `parts`."""
        features = self.features(request.recent, rows, spread.evidence(parts.behaviour))
        return {"features": features, "candidates": rows, "history": request.recent}


def where_present(rows: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
    """The scores, and the lowest float where there is no item (row 0)."""
    return tf.where(rows > 0, scores, LOWEST)
