"""The graph of the whole funnel: one function for each signature, strings in, a ranked slate out.

`tfrec.funnel` calls these functions from Python and `tfrec.export` writes the very same ones, so that the SavedModel
answers as the Python object does.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf

from tfrec.config import Config
from tfrec.data.content_graph import ContentGraph
from tfrec.data.histories import Histories
from tfrec.data.item_content import ContentSpec, ItemContent
from tfrec.ranking.fit import build_pair_features
from tfrec.ranking.ranker import Ranker
from tfrec.recall import make_recall
from tfrec.request import Request, RequestReader
from tfrec.reranking.reasons import reasons
from tfrec.retrieval.filters import Categories, Filters
from tfrec.retrieval.index import LOWEST
from tfrec.retrieval.lookup import marked
from tfrec.retrieval.retriever import Retriever
from tfrec.retrieval.two_tower import TwoTower
from tfrec.schema import Schema
from tfrec.slate import SlateMaker, where_present
from tfrec.text.encoder import TextEncoder

Outputs = dict[str, tf.Tensor]


class Signatures:
    """Recall, ranking and re-ranking over one catalogue, as graph functions.

    Args:
        item_ids, titles: the catalogue.
        schema: what its columns mean.
        content: its content tables.
        user_ids: known users, in the order of `histories`.
        histories: what the users did; masked, and used where a request brings no history.
        hidden: bool `[items]`, items whose interactions no model has seen; None = there are none.
        two_tower, ranker: trained stages.
        encoder: reads free text; None = there is no language model, and free text is ignored.
        config: settings.
        context: how the context of the interactions was made; None = a request tells none.
    """

    def __init__(
        self,
        *,
        item_ids: Sequence[str],
        titles: Sequence[str],
        schema: Schema,
        content: ItemContent,
        user_ids: Sequence[str],
        histories: Histories,
        two_tower: TwoTower,
        ranker: Ranker,
        encoder: TextEncoder | None,
        config: Config,
        context: ContentSpec | None = None,
        hidden: np.ndarray | None = None,
    ) -> None:
        self.config, self.encoder, self.added = config, encoder, content.added
        retriever, kept = Retriever(two_tower, added=content.added), config.ranking.neighbours
        known = histories if hidden is None else histories.without(hidden)
        features = build_pair_features(
            known, content, retriever, neighbours_kept=kept, groups=config.ranking.groups
        )
        self.slate = SlateMaker(make_recall(retriever, features, known, config), features, ranker, config)
        self.read = RequestReader(
            item_ids,
            user_ids,
            histories,
            length=two_tower.query.length,
            encoder=encoder,
            text_dim=content.spec.text_dim,
            mask_seen=config.data.repeats == "first",
            context=context,
            hidden=hidden,
        )
        self.item_graph = ContentGraph(schema.items, content.spec)
        self.item_ids, self.titles = tf.constant(["", *item_ids]), tf.constant(["", *titles])
        self._recommend = tf.function(self.recommend, autograph=False)

    @property
    def layers(self) -> list[Any]:
        """All that holds variables or tables, for tracking at export."""
        return [*self.slate.layers, *self.read.layers, self.item_graph.vocabulary]

    @cached_property
    def functions(self) -> dict[str, Any]:
        """Each signature as a `tf.function` of named inputs, traced for `inputs`."""
        functions = {name: tf.function(getattr(self, name), autograph=False) for name in self.inputs}
        functions["recommend"] = self._recommend
        for name, specs in self.inputs.items():
            functions[name].get_concrete_function(**specs)
        return functions

    @property
    def concrete_functions(self) -> dict[str, Any]:
        """The traces of `functions`, for export."""
        return {
            name: self.functions[name].get_concrete_function(**specs) for name, specs in self.inputs.items()
        }

    @property
    def inputs(self) -> dict[str, dict[str, tf.TensorSpec]]:
        """Signature → input → its type and shape; `recommend` first, for `serving_default` calls its trace."""
        texts, lists = tf.TensorSpec([None], tf.string), tf.TensorSpec([None, None], tf.string)
        person = {"user_id": texts, "history": lists}
        asked = {**person, "query_text": texts}
        filtered = {**asked, "exclude": lists, "allow_category": lists, "k": tf.TensorSpec([None], tf.int32)}
        moment = self.read.context.signature() if self.read.context else {}
        inputs = {
            "recommend": {**filtered, "diversity": tf.TensorSpec([None], tf.float32), **moment},
            "serving_default": person,
            "retrieve": {**filtered, **moment},
            "rank": {**asked, "candidates": lists, **moment},
            "embed_text": {"text": texts},
            "embed_item": {"item_id": texts, **self.item_graph.signature()},
        }
        return {
            name: {alias: tf.TensorSpec(spec.shape, spec.dtype, alias) for alias, spec in specs.items()}
            for name, specs in inputs.items()
        }

    @cached_property
    def defaults(self) -> dict[str, dict[str, np.ndarray]]:
        """Signature → input → what it is where a request of one row leaves it out."""
        no_list, no_text = np.array([[""]], object), np.array([""], object)
        optional = {"history": no_list, "query_text": no_text, "exclude": no_list, "allow_category": no_list}
        strength = np.array([self.config.reranking.diversity], np.float32)
        moment = self.read.context.defaults() if self.read.context else {}
        sizes = {name: np.array([k], np.int32) for name, k in self.config.export.model_dump().items()}
        return {
            "serving_default": {"history": no_list},
            "recommend": {**optional, "diversity": strength, "k": sizes["k"], **moment},
            "retrieve": {**optional, "k": sizes["retrieve_k"], **moment},
            "rank": {"history": no_list, "query_text": no_text, **moment},
        }

    def serving_default(self, user_id: tf.Tensor, history: tf.Tensor) -> Outputs:
        """Signature `serving_default`: `recommend` for a user and a history, everything else by default."""
        rows, defaults = tf.shape(user_id)[0], self.defaults["recommend"]
        filled = {
            name: tf.repeat(tf.constant(value), rows, 0)
            for name, value in defaults.items()
            if name != "history"
        }
        slate = self._recommend(user_id=user_id, history=history, **filled)
        return {name: slate[name] for name in ("item_id", "score")}

    def recommend(
        self,
        user_id: tf.Tensor,
        history: tf.Tensor,
        query_text: tf.Tensor,
        exclude: tf.Tensor,
        allow_category: tf.Tensor,
        diversity: tf.Tensor,
        k: tf.Tensor,
        **context: tf.Tensor,
    ) -> Outputs:
        """Signature `recommend`: the whole funnel."""
        request = self.read(user_id, history, query_text, context)
        filters = self._filters(request, exclude, allow_category)
        slate = self.slate(request, filters, diversity, _largest(k, self.config.export.k))
        rows = tf.where(slate.score > LOWEST, tf.gather(slate.candidates, slate.place, batch_dims=1), 0)
        return {
            "item_id": tf.gather(self.item_ids, rows),
            "score": slate.score,
            "retrieval_score": where_present(rows, tf.gather(slate.retrieval, slate.place, batch_dims=1)),
            "ranking_score": where_present(rows, tf.gather(slate.ranking, slate.place, batch_dims=1)),
            "reason": self._reasons(request, rows),
        }

    def retrieve(
        self,
        user_id: tf.Tensor,
        history: tf.Tensor,
        query_text: tf.Tensor,
        exclude: tf.Tensor,
        allow_category: tf.Tensor,
        k: tf.Tensor,
        **context: tf.Tensor,
    ) -> Outputs:
        """Signature `retrieve`: the recall stage alone."""
        request = self.read(user_id, history, query_text, context)
        filters, recall = self._filters(request, exclude, allow_category), self.slate.recall
        found = recall.find(recall.ask(request), filters, _largest(k, self.config.export.retrieve_k))
        return {"item_id": tf.gather(self.item_ids, found.rows), "score": found.score}

    def rank(
        self,
        user_id: tf.Tensor,
        history: tf.Tensor,
        query_text: tf.Tensor,
        candidates: tf.Tensor,
        **context: tf.Tensor,
    ) -> Outputs:
        """Signature `rank`: the ranking score of each candidate, the lowest float for an unknown one."""
        request = self.read(user_id, history, query_text, context)
        recall, rows = self.slate.recall, self.read.item_rows(candidates)
        asked = recall.ask(request)
        return {"score": self.slate.ranking(request, asked, recall.spread(asked), rows)}

    def embed_text(self, text: tf.Tensor) -> Outputs:
        """Signature `embed_text`: the language vector of each text."""
        if self.encoder is None:
            return {"embedding": tf.zeros([tf.shape(text)[0], 1])}
        return {"embedding": self.encoder.forward(text)}

    def embed_item(self, item_id: tf.Tensor, **columns: tf.Tensor) -> Outputs:
        """Signature `embed_item`: the retrieval vector of an item, from its id where that is known, and its columns."""
        encode = self.encoder.forward if self.encoder else None
        content, category = self.item_graph(encode, columns, tf.shape(item_id)[0])
        tower = self.slate.retriever.model.candidate
        category = tf.where(category < tower.categories, category, 0)  # of others there is no embedding
        return {"embedding": tower.combine(self.read.item_rows(item_id), content, category)}

    def _filters(self, request: Request, exclude: tf.Tensor, allow_category: tf.Tensor) -> Filters:
        """What may not be returned: seen, excluded, outside the allowed categories."""
        wanted = marked(self.item_graph.category_ids(allow_category), self.item_graph.categories)
        asked = tf.reduce_any(allow_category != "", 1, keepdims=True)
        table = self.slate.features.tables["category"].value
        rows = tf.concat([request.seen, self.read.item_rows(exclude)], 1)
        return Filters(rows, Categories(wanted, asked, table))

    def _reasons(self, request: Request, rows: tf.Tensor) -> tf.Tensor:
        events, slate = (tf.gather(self.slate.vectors, some) for some in (request.recent, rows))
        similarity = tf.matmul(slate, events, transpose_b=True)
        return reasons(rows, request.recent, request.has_text, similarity, self.titles)


def _largest(k: tf.Tensor, most: int) -> tf.Tensor:
    """The largest k of the batch, each clipped to [1, most]: a negative k must not fail the requests beside it."""
    return tf.clip_by_value(tf.reduce_max(k), 1, most)
