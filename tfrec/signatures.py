"""The graph of the whole funnel: one function for each signature, strings in, a ranked slate out.

`tfrec.funnel` calls these functions from Python and `tfrec.export` writes the very same ones, so that the SavedModel
answers as the Python object does.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfrec.config import Config
from tfrec.data.histories import Histories
from tfrec.data.item_content import ItemContent
from tfrec.data.item_graph import ItemGraph
from tfrec.ranking.features import PairFeatures
from tfrec.ranking.fit import build_pair_features
from tfrec.ranking.ranker import Ranker
from tfrec.reranking.diversity import maximal_marginal_relevance
from tfrec.reranking.reasons import reasons
from tfrec.retrieval.lookup import UserMemory, compact, id_lookup, marked
from tfrec.retrieval.retriever import Retriever, evidence
from tfrec.retrieval.two_tower import TwoTower
from tfrec.schema import Schema
from tfrec.text.encoder import TextEncoder

LOWEST = tf.float32.min
Outputs = dict[str, tf.Tensor]


class Request(NamedTuple):
    """A batch of requests as rows.

    Attributes:
        user: int32 `[batch]`, 0 = unknown.
        recent: int32 `[batch, length]`, the newest known events, oldest first, 0 at the right.
        seen: int32 `[batch, n]`, what may not be returned: events of the request and of the stored history, 0 = none.
        known: bool `[batch, 1]`, whether there is any event to go by.
        has_text: bool `[batch, 1]`.
        text: float32 `[batch, dim]`, the language vector of the free text, zero without one.
    """

    user: tf.Tensor
    recent: tf.Tensor
    seen: tf.Tensor
    known: tf.Tensor
    has_text: tf.Tensor
    text: tf.Tensor


class Scores(NamedTuple):
    """Scores of the whole catalogue, each float32 `[batch, items]`.

    Attributes:
        behaviour: what the two towers say of the history.
        prior: popularity, for requests without any event.
        bonus: what the free text adds.
    """

    behaviour: tf.Tensor
    prior: tf.Tensor
    bonus: tf.Tensor


class Signatures:
    """Recall, ranking and re-ranking over one catalogue, as graph functions.

    Args:
        item_ids, titles: the catalogue.
        schema: what its columns mean.
        content: its content tables.
        user_ids: known users, in the order of `histories`.
        histories: what the users did; masked, and used where a request brings no history.
        two_tower, ranker: trained stages.
        encoder: reads free text; None = there is no language model, and free text is ignored.
        config: settings.
    """

    def __init__(
        self, *, item_ids: Sequence[str], titles: Sequence[str], schema: Schema, content: ItemContent,
        user_ids: Sequence[str], histories: Histories, two_tower: TwoTower, ranker: Ranker,
        encoder: TextEncoder | None, config: Config,
    ) -> None:  # fmt: skip
        self.content, self.config, self.encoder = content, config, encoder
        self.retriever, self.ranker = Retriever(two_tower), ranker
        vectors = self.retriever.index.vectors.value
        self.features = build_pair_features(histories, content, vectors, neighbours_kept=config.ranking.neighbours)
        self.slate_vectors = self.features.tables["language"].value if encoder else tf.math.l2_normalize(vectors, 1)
        self.items, self.users = id_lookup(item_ids), id_lookup(user_ids)
        self.memory = UserMemory.of(histories.start, histories.item)
        self.item_graph = ItemGraph(schema, content.spec)
        self.item_ids, self.titles = tf.constant(["", *item_ids]), tf.constant(["", *titles])

    @property
    def layers(self) -> list[Any]:
        """All that holds variables or tables, for tracking at export."""
        parts = [self.retriever.model, self.retriever.index, self.features, self.ranker, self.memory, self.items]
        return [*parts, self.users, self.item_graph.vocabulary, *([self.encoder] if self.encoder else [])]

    @cached_property
    def functions(self) -> dict[str, Any]:
        """Each signature as a `tf.function` of named inputs."""
        texts, lists = tf.TensorSpec([None], tf.string), tf.TensorSpec([None, None], tf.string)
        person = {"user_id": texts, "history": lists}
        asked = {**person, "query_text": texts}
        filtered = {**asked, "exclude": lists, "allow_category": lists, "k": tf.TensorSpec([None], tf.int32)}
        inputs = {
            self.serving_default: person,
            self.recommend: {**filtered, "diversity": tf.TensorSpec([None], tf.float32)},
            self.retrieve: filtered,
            self.rank: {**asked, "candidates": lists},
            self.embed_text: {"text": texts},
            self.embed_item: {"item_id": texts, **self.item_graph.signature()},
        }
        functions = {}
        for method, specs in inputs.items():
            functions[method.__name__] = function = tf.function(method, autograph=False)
            function.get_concrete_function(**{name: tf.TensorSpec(s.shape, s.dtype, name) for name, s in specs.items()})
        return functions

    @cached_property
    def defaults(self) -> dict[str, dict[str, np.ndarray]]:
        """Signature → input → what it is where a request of one row leaves it out."""
        no_list, no_text = np.array([[""]], object), np.array([""], object)
        optional = {"history": no_list, "query_text": no_text, "exclude": no_list, "allow_category": no_list}
        strength = np.array([self.config.reranking.diversity], np.float32)
        sizes = {name: np.array([k], np.int32) for name, k in self.config.export.model_dump().items()}
        return {
            "serving_default": {"history": no_list},
            "recommend": {**optional, "diversity": strength, "k": sizes["k"]},
            "retrieve": {**optional, "k": sizes["retrieve_k"]},
            "rank": {"history": no_list, "query_text": no_text},
        }

    def serving_default(self, user_id: tf.Tensor, history: tf.Tensor) -> Outputs:
        """Signature `serving_default`: `recommend` for a user and a history, everything else by default."""
        rows, defaults = tf.shape(user_id)[0], self.defaults["recommend"]
        filled = {name: tf.repeat(tf.constant(value), rows, 0) for name, value in defaults.items() if name != "history"}
        slate = self.recommend(user_id, history, **filled)
        return {name: slate[name] for name in ("item_id", "score")}

    def recommend(
        self, user_id: tf.Tensor, history: tf.Tensor, query_text: tf.Tensor, exclude: tf.Tensor,
        allow_category: tf.Tensor, diversity: tf.Tensor, k: tf.Tensor,
    ) -> Outputs:  # fmt: skip
        """Signature `recommend`: the whole funnel."""
        request = self._request(user_id, history, query_text)
        scores = self._scores(request)
        blocked = self._blocked(request, exclude, allow_category)
        found = self.retriever.best(_retrieval(request, scores), blocked, self.config.ranking.candidates)
        ranking = self._ranking(request, scores, found.rows)
        place, score = maximal_marginal_relevance(
            ranking, tf.gather(self.slate_vectors, found.rows), found.rows > 0, diversity,
            _largest(k, self.config.export.k),
        )  # fmt: skip
        rows = tf.where(score > LOWEST, tf.gather(found.rows, place, batch_dims=1), 0)
        return {
            "item_id": tf.gather(self.item_ids, rows),
            "score": score,
            "retrieval_score": _where_present(rows, tf.gather(found.score, place, batch_dims=1)),
            "ranking_score": _where_present(rows, tf.gather(ranking, place, batch_dims=1)),
            "reason": self._reasons(request, rows),
        }

    def retrieve(
        self, user_id: tf.Tensor, history: tf.Tensor, query_text: tf.Tensor, exclude: tf.Tensor,
        allow_category: tf.Tensor, k: tf.Tensor,
    ) -> Outputs:  # fmt: skip
        """Signature `retrieve`: the recall stage alone."""
        request = self._request(user_id, history, query_text)
        blocked = self._blocked(request, exclude, allow_category)
        scores = _retrieval(request, self._scores(request))
        found = self.retriever.best(scores, blocked, _largest(k, self.config.export.retrieve_k))
        return {"item_id": tf.gather(self.item_ids, found.rows), "score": found.score}

    def rank(self, user_id: tf.Tensor, history: tf.Tensor, query_text: tf.Tensor, candidates: tf.Tensor) -> Outputs:
        """Signature `rank`: the ranking score of each candidate, the lowest float for an unknown one."""
        request = self._request(user_id, history, query_text)
        rows = tf.cast(self.items(candidates), tf.int32)
        return {"score": self._ranking(request, self._scores(request), rows)}

    def embed_text(self, text: tf.Tensor) -> Outputs:
        """Signature `embed_text`: the language vector of each text."""
        if self.encoder is None:
            return {"embedding": tf.zeros([tf.shape(text)[0], 1])}
        return {"embedding": self.encoder.forward(text)}

    def embed_item(self, item_id: tf.Tensor, **columns: tf.Tensor) -> Outputs:
        """Signature `embed_item`: the retrieval vector of an item, from its id where that is known, and its columns."""
        content, category = self.item_graph(self.encoder.forward if self.encoder else None, columns, tf.shape(item_id)[0])
        rows = tf.cast(self.items(item_id), tf.int32)
        return {"embedding": self.retriever.model.candidate.combine(rows, content, category)}

    def _request(self, user_id: tf.Tensor, history: tf.Tensor, query_text: tf.Tensor) -> Request:
        """Strings to rows. A history with a known item in it replaces the stored one; stored items stay masked."""
        user, given = tf.cast(self.users(user_id), tf.int32), tf.cast(self.items(history), tf.int32)
        stored = self.memory(user)
        length = self.retriever.model.query.length
        has_given = tf.reduce_any(given > 0, 1, keepdims=True)
        recent = tf.where(has_given, compact(given, length), compact(stored, length))
        repeats = self.config.data.repeats == "keep"
        seen = tf.zeros_like(user)[:, None] if repeats else tf.concat([given, stored], 1)
        has_text = (query_text != "")[:, None]
        return Request(user, recent, seen, tf.reduce_any(recent > 0, 1, keepdims=True), has_text, self._text(query_text))

    def _text(self, text: tf.Tensor) -> tf.Tensor:
        """Language vectors `[batch, dim]`; the model runs only when some row has text."""
        nothing = tf.zeros([tf.shape(text)[0], self.content.spec.text_dim])
        encoder = self.encoder
        if encoder is None:
            return nothing
        return tf.cond(tf.reduce_any(text != ""), lambda: encoder.forward(text), lambda: nothing)

    def _scores(self, request: Request) -> Scores:
        behaviour = self.retriever.scores(request.recent, request.user)
        prior = tf.broadcast_to(self.features.tables["popularity"].value, tf.shape(behaviour))
        language, weight = self.features.tables["language"].value, self.config.text.weight
        bonus = tf.cond(
            tf.reduce_any(request.has_text),
            lambda: weight * tf.matmul(request.text, language, transpose_b=True),
            lambda: tf.zeros_like(behaviour),
        )
        return Scores(behaviour, prior, bonus)

    def _ranking(self, request: Request, scores: Scores, rows: tf.Tensor) -> tf.Tensor:
        """Ranking scores of rows int32 `[batch, list]`; without any event the order stays that of retrieval."""
        features = self.features(request.recent, rows, evidence(scores.behaviour, rows))
        learned = self.ranker({"features": features, "candidates": rows, "history": request.recent})
        relevance = tf.where(request.known, learned, tf.gather(scores.prior, rows, batch_dims=1))
        return _where_present(rows, relevance + tf.gather(scores.bonus, rows, batch_dims=1))

    def _blocked(self, request: Request, exclude: tf.Tensor, allow_category: tf.Tensor) -> tf.Tensor:
        """Which rows may not be returned: seen, excluded, outside the allowed categories: bool `[batch, items]`."""
        excluded = tf.cast(self.items(exclude), tf.int32)
        mask = marked(tf.concat([request.seen, excluded], 1), self.retriever.items)
        asked = allow_category != ""
        return tf.cond(tf.reduce_any(asked), lambda: mask | self._outside(allow_category, asked), lambda: mask)

    def _outside(self, allow_category: tf.Tensor, asked: tf.Tensor) -> tf.Tensor:
        """Rows in none of a request's categories; no row where it names none: bool `[batch, items]`."""
        wanted = self.item_graph.category_ids(allow_category)
        size = self.item_graph.categories
        member = marked(wanted, size) & (tf.range(size) > 0)
        own = tf.gather(member, self.features.tables["category"].value, axis=1)
        return ~tf.reduce_any(own, 2) & tf.reduce_any(asked, 1, keepdims=True)

    def _reasons(self, request: Request, rows: tf.Tensor) -> tf.Tensor:
        events, slate = (tf.gather(self.slate_vectors, some) for some in (request.recent, rows))
        similarity = tf.matmul(slate, events, transpose_b=True)
        return reasons(rows, request.recent, request.has_text, similarity, self.titles)


def _retrieval(request: Request, scores: Scores) -> tf.Tensor:
    return tf.where(request.known, scores.behaviour, scores.prior) + scores.bonus


def _where_present(rows: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
    return tf.where(rows > 0, scores, LOWEST)


def _largest(k: tf.Tensor, most: int) -> tf.Tensor:
    """The largest k of the batch, each clipped to [1, most]: a negative k must not fail the requests beside it."""
    return tf.clip_by_value(tf.reduce_max(k), 1, most)
