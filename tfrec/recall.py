"""What recall says of requests: by scores of the whole catalogue, or by an index that does without them."""

from typing import Any, NamedTuple

import tensorflow as tf

from tfrec.config import Config
from tfrec.data.histories import Histories
from tfrec.ranking.features import PairFeatures
from tfrec.request import Request
from tfrec.retrieval.filters import Filters
from tfrec.retrieval.index import Answer, Query, Spread
from tfrec.retrieval.interests import largest
from tfrec.retrieval.retriever import Retriever


class Parts(NamedTuple):
    """What scores are made of, each float32 `[batch, n]`, of some rows or all.

    Attributes:
        behaviour: what the two towers say of the history.
        prior: for requests without any event: what the towers say of profile and context, else popularity.
        bonus: what the free text adds.
    """

    behaviour: tf.Tensor
    prior: tf.Tensor
    bonus: tf.Tensor


class Recall:
    """The contract: `ask` once for a batch of requests, then `find` the best and say what is known `of` rows.

    Args:
        retriever, features: trained stages.
        config: settings.
    """

    def __init__(self, retriever: Retriever, features: PairFeatures, config: Config) -> None:
        self.retriever, self.tables, self.weight = retriever, features.tables, config.text.weight

    def ask(self, request: Request) -> Any:
        """What the other methods go by."""
        raise NotImplementedError

    def find(self, asked: Any, filters: Filters, k: tf.Tensor | int) -> Answer:
        """The k best rows that are not filtered out, and the spread of what behaviour says of all."""
        raise NotImplementedError

    def spread(self, asked: Any) -> Spread:
        """The spread alone."""
        raise NotImplementedError

    def of(self, asked: Any, rows: tf.Tensor) -> Parts:
        """What is said of some rows, int32 `[batch, list]`."""
        raise NotImplementedError

    def told(self, request: Request) -> tf.Tensor:
        """Whether profile or context say something to the towers, bool `[batch, 1]`."""
        return self.retriever.model.query.knows(request.user, request.context)[:, None]


class CatalogueScores(NamedTuple):
    """Scores of the whole catalogue.

    Attributes:
        parts: `[batch, items]`.
        sought: what recall goes by, behaviour or prior, and the bonus, for each of the user's interests: float32
            `[batch, interests, items]`.
    """

    parts: Parts
    sought: tf.Tensor


class ExactRecall(Recall):
    """Scores all items."""

    @tf.function(autograph=False, reduce_retracing=True)  # traced once for all signatures
    def ask(self, request: Request) -> CatalogueScores:
        every = self.retriever.by_interest(request.recent, request.user, request.context)
        behaviour, language = largest(every), self.tables["language"].value
        prior = tf.where(self.told(request), behaviour, self.tables["popularity"].value)
        bonus = tf.cond(
            tf.reduce_any(request.has_text),
            lambda: self.weight * tf.matmul(request.text, language, transpose_b=True),
            lambda: tf.zeros_like(behaviour),
        )
        sought = tf.where(request.known[:, None], every, prior[:, None]) + bonus[:, None]
        return CatalogueScores(Parts(behaviour, prior, bonus), sought)

    def find(self, asked: CatalogueScores, filters: Filters, k: tf.Tensor | int) -> Answer:
        rows, score = self.retriever.best(asked.sought, filters.blocked(self.retriever.items), k)
        return Answer(rows, score, self.spread(asked))

    def spread(self, asked: CatalogueScores) -> Spread:
        return Spread.of(asked.parts.behaviour[:, : self.retriever.trained])

    def of(self, asked: CatalogueScores, rows: tf.Tensor) -> Parts:
        return Parts(*(tf.gather(part, rows, batch_dims=1) for part in asked.parts))


class _Asked(NamedTuple):
    request: Request
    query: Query


class ClusteredRecall(Recall):
    """Asks the clustered index; only requests that the towers alone do not answer have all items scored.

    These bring free text, or nothing to go by. What a request is answered does not depend on those it is merged with.
    """

    def __init__(self, retriever: Retriever, features: PairFeatures, config: Config) -> None:
        super().__init__(retriever, features, config)
        self.exact = ExactRecall(retriever, features, config)

    @tf.function(autograph=False, reduce_retracing=True)
    def ask(self, request: Request) -> _Asked:
        return _Asked(request, self.retriever.query(request.recent, request.user, request.context))

    def find(self, asked: _Asked, filters: Filters, k: tf.Tensor | int) -> Answer:
        request, found = asked.request, self.retriever.index.search(asked.query, filters, k)
        plain = (request.known | self.told(request)) & ~request.has_text

        def with_others() -> tuple[tf.Tensor, tf.Tensor]:
            other = self.exact.find(self.exact.ask(request), filters, k)
            return tf.where(plain, found.rows, other.rows), tf.where(plain, found.score, other.score)

        rows, score = tf.cond(tf.reduce_all(plain), lambda: (found.rows, found.score), with_others)
        return Answer(rows, score, found.spread)

    def spread(self, asked: _Asked) -> Spread:
        nothing = Filters(tf.zeros_like(asked.request.user)[:, None])
        return self.retriever.index.search(asked.query, nothing, 1).spread

    def of(self, asked: _Asked, rows: tf.Tensor) -> Parts:
        request, language = asked.request, self.tables["language"].value
        behaviour = self.retriever.index.score(asked.query, rows)
        popular = tf.gather(self.tables["popularity"].value, rows)
        bonus = tf.cond(
            tf.reduce_any(request.has_text),
            lambda: self.weight * tf.linalg.matvec(tf.gather(language, rows), request.text),
            lambda: tf.zeros_like(behaviour),
        )
        return Parts(behaviour, tf.where(self.told(request), behaviour, popular), bonus)


def make_recall(retriever: Retriever, features: PairFeatures, histories: Histories, config: Config) -> Recall:
    """By the index of the settings; a clustered one is made for queries like those of the `histories`."""
    if config.retrieval.index == "exact":
        return ExactRecall(retriever, features, config)
    retriever.cluster(
        histories, recall=config.retrieval.index_recall, k=config.ranking.candidates, seed=config.seed
    )
    return ClusteredRecall(retriever, features, config)
