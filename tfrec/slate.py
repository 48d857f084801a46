"""The stages one after another, on rows: scores of the catalogue, candidates, ranking scores, the slate."""

from typing import Any, NamedTuple

import tensorflow as tf

from tfrec.config import Config
from tfrec.ranking.features import PairFeatures
from tfrec.ranking.ranker import Ranker
from tfrec.request import Request
from tfrec.reranking.diversity import maximal_marginal_relevance
from tfrec.retrieval.index import LOWEST
from tfrec.retrieval.interests import largest
from tfrec.retrieval.retriever import Retriever, evidence


class Scores(NamedTuple):
    """Scores of the whole catalogue, each float32 `[batch, items]`.

    Attributes:
        behaviour: what the two towers say of the history.
        prior: for requests without any event: what the towers say of profile and context, else popularity.
        bonus: what the free text adds.
        retrieval: what recall goes by: behaviour or prior, and the bonus.
        sought: the same for each of the user's interests, `[batch, interests, items]`.
    """

    behaviour: tf.Tensor
    prior: tf.Tensor
    bonus: tf.Tensor
    retrieval: tf.Tensor
    sought: tf.Tensor


class Slate(NamedTuple):
    """What every stage made of a batch of requests.

    Attributes:
        catalogue: float32 `[batch, items]`, retrieval scores of all rows.
        candidates: int32 `[batch, list]`, rows that recall found, best first, 0 = none.
        retrieval, ranking: float32 `[batch, list]`, their scores.
        place: int32 `[batch, k]`, the slate as places in the list.
        score: float32 `[batch, k]`, non-increasing; the lowest float where the slate is shorter.
    """

    catalogue: tf.Tensor
    candidates: tf.Tensor
    retrieval: tf.Tensor
    ranking: tf.Tensor
    place: tf.Tensor
    score: tf.Tensor


class SlateMaker:
    """Recall, ranking and re-ranking of rows.

    Args:
        retriever, features, ranker: the trained stages.
        config: settings.
    """

    def __init__(self, retriever: Retriever, features: PairFeatures, ranker: Ranker, config: Config) -> None:
        self.retriever, self.features, self.ranker, self.config = retriever, features, ranker, config
        language = features.tables["language"].value
        self.vectors = (
            language if features.text_dim else tf.math.l2_normalize(features.tables["vectors"].value, 1)
        )

    @property
    def layers(self) -> list[Any]:
        """What holds variables."""
        return [self.retriever.model, self.retriever.index, self.features, self.ranker]

    @tf.function(autograph=False, reduce_retracing=True)  # traced once for all signatures
    def scores(self, request: Request) -> Scores:
        """Scores every row of the catalogue."""
        every = self.retriever.by_interest(request.recent, request.user, request.context)
        behaviour = largest(every)
        prior = tf.broadcast_to(self.features.tables["popularity"].value, tf.shape(behaviour))
        if self.retriever.model.query.start:
            told = self.retriever.model.query.knows(request.user, request.context)
            prior = tf.where(told[:, None], behaviour, prior)
        language, weight = self.features.tables["language"].value, self.config.text.weight
        bonus = tf.cond(
            tf.reduce_any(request.has_text),
            lambda: weight * tf.matmul(request.text, language, transpose_b=True),
            lambda: tf.zeros_like(behaviour),
        )
        sought = tf.where(request.known[:, None], every, prior[:, None]) + bonus[:, None]
        return Scores(behaviour, prior, bonus, largest(sought), sought)

    def ranking(self, request: Request, scores: Scores, rows: tf.Tensor) -> tf.Tensor:
        """Ranking scores of rows int32 `[batch, list]`; without any event the order stays that of retrieval."""
        features = self.features(request.recent, rows, evidence(scores.behaviour, rows))
        learned = self.ranker({"features": features, "candidates": rows, "history": request.recent})
        relevance = tf.where(request.known, learned, tf.gather(scores.prior, rows, batch_dims=1))
        return where_present(rows, relevance + tf.gather(scores.bonus, rows, batch_dims=1))

    def __call__(
        self, request: Request, blocked: tf.Tensor, diversity: tf.Tensor, k: tf.Tensor | int
    ) -> Slate:
        """All stages. blocked bool `[batch, items]`, diversity float32 `[batch]`, k int32 scalar."""
        scores = self.scores(request)
        rows, retrieval = self.retriever.best(scores.sought, blocked, self.config.ranking.candidates)
        ranking = self.ranking(request, scores, rows)
        vectors = tf.gather(self.vectors, rows)
        place, score = maximal_marginal_relevance(ranking, vectors, rows > 0, diversity, k)
        return Slate(scores.retrieval, rows, retrieval, ranking, place, score)


def where_present(rows: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
    """The scores, and the lowest float where there is no item (row 0)."""
    return tf.where(rows > 0, scores, LOWEST)
