"""The graph of the whole funnel: one function for each signature, strings in, a ranked slate out.

`tfrec.funnel` calls these functions from Python and `tfrec.export` writes the very same ones, so that the SavedModel
answers as the Python object does.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import tensorflow as tf

from tfrec.config import Config, StepName
from tfrec.data.content_graph import ContentGraph
from tfrec.data.histories import Histories
from tfrec.data.item_content import ContentSpec, ItemContent
from tfrec.ranking.fit import build_pair_features
from tfrec.ranking.ranker import Ranker
from tfrec.recall import make_recall
from tfrec.request import Request, RequestReader
from tfrec.reranking.certificate import position_in, traces
from tfrec.reranking.draft import Step, Wishes, clipped
from tfrec.reranking.exploration import propensity
from tfrec.reranking.language_step import LanguageReading
from tfrec.reranking.phrases import Phrases
from tfrec.reranking.random_draw import seeds
from tfrec.reranking.reasons import Evidence, Reasons
from tfrec.reranking.reranker import make_reranker
from tfrec.reranking.rules.book import NO_RULES, RuleBook
from tfrec.reranking.slate_features import SlateVectors
from tfrec.reranking.slate_model import SlateModel
from tfrec.reranking.slate_step import SlateReading
from tfrec.retrieval.filters import Categories, Filters
from tfrec.retrieval.lookup import marked
from tfrec.retrieval.retriever import Retriever
from tfrec.retrieval.two_tower import TwoTower
from tfrec.schema import Schema
from tfrec.signature_inputs import ASKED, FEEDBACK, Defaults, Specs, input_defaults, input_specs
from tfrec.slate import Slate, SlateMaker, where_present
from tfrec.text.encoder import TextEncoder
from tfrec.traced_functions import TracedFunctions

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
        slate_model: likewise; None = the order of ranking is not corrected.
        readings: the steps in which a language model reads candidates, by name.
        encoder: reads free text; None = there is no language model, and free text is ignored.
        config: settings.
        context: how the context of the interactions was made; None = a request tells none.
        rules: what the owner decrees.
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
        rules: RuleBook = NO_RULES,
        slate_model: SlateModel | None = None,
        readings: Mapping[StepName, LanguageReading] = MappingProxyType({}),
    ) -> None:
        self.config, self.encoder, self.added = config, encoder, content.added
        retriever, kept = Retriever(two_tower, added=content.added), config.ranking.neighbours
        known = histories if hidden is None else histories.without(hidden)
        features = build_pair_features(
            known,
            content,
            retriever,
            neighbours_kept=kept,
            groups=config.ranking.groups,
            remembered=True,
        )
        vectors = features.likeness()
        read = SlateVectors(ranker.vectors.value, features.tables["content"].value)
        learned: dict[StepName, Step] = {**readings}
        if slate_model is not None:
            learned["slate_model"] = SlateReading(slate_model, read, config.reranking.slate)
        reranker = make_reranker(
            config.reranking,
            vectors=vectors,
            popularity=features.tables["popularity"].value,
            content=content,
            column=schema.category_column,
            book=rules,
            learned=learned,
        )
        self.pairs = (
            readings["cross_encoder"].pairs if "cross_encoder" in {*readings} & {*reranker.steps} else 0
        )
        recall = make_recall(retriever, features, known, config)
        self.slate = SlateMaker(recall, features, ranker, reranker, config)
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
        self.reasons = Reasons(
            self.titles,
            vectors,
            tf.constant(content.ids_of(schema.category_column)),
            content.spec.categories,
            Phrases(config.reranking.language),
        )
        self._served = tf.function(self._serve, autograph=False)  # one trace for all signatures with a slate

    @property
    def layers(self) -> list[Any]:
        """All that holds variables or tables, for tracking at export."""
        return [*self.slate.layers, *self.read.layers, self.item_graph.vocabulary]

    @cached_property
    def functions(self) -> Mapping[str, Any]:
        """Each signature as a `tf.function` of named inputs, traced for `inputs` when it is asked for."""
        return TracedFunctions(self, self.inputs)

    @property
    def concrete_functions(self) -> dict[str, Any]:
        """The traces of `functions`, for export."""
        return {
            name: self.functions[name].get_concrete_function(**specs) for name, specs in self.inputs.items()
        }

    @cached_property
    def inputs(self) -> Specs:
        """Signature → input → its type and shape."""
        moment = self.read.context.signature() if self.read.context else {}
        return input_specs(moment, self.item_graph.signature())

    @cached_property
    def defaults(self) -> Defaults:
        """Signature → input → what it is where a request of one row leaves it out."""
        return input_defaults(self.config, self.read.context.defaults() if self.read.context else {})

    def serving_default(self, user_id: tf.Tensor, history: tf.Tensor) -> Outputs:
        """Signature `serving_default`: `recommend` for a user and a history, everything else by default."""
        rows, defaults = tf.shape(user_id)[0], self.defaults["recommend"]
        filled = {
            name: tf.repeat(tf.constant(value), rows, 0)
            for name, value in defaults.items()
            if name != "history"
        }
        slate = self.functions["recommend"](user_id=user_id, history=history, **filled)
        return {name: slate[name] for name in ("item_id", "score")}

    def recommend(self, **asked: tf.Tensor) -> Outputs:
        """Signature `recommend`: the whole funnel."""
        return self._told(asked, *self._served(asked))

    def certify(self, **asked: tf.Tensor) -> Outputs:
        """Signature `certify`: `recommend`, and how each item came to its place (`tfrec.reranking.certificate`) with
        the probability of its having been drawn for it (`tfrec.reranking.exploration`), by the same request."""
        request, slate = self._served(asked)
        drafts, names = slate.drafts, list(slate.drafts)
        here = slate.rows > 0
        chance = tf.ones_like(slate.score)
        if "exploration" in drafts:
            before = drafts[names[names.index("exploration") - 1]]
            drawn, strength = drafts["exploration"], clipped(asked["exploration"])
            place = position_in(drawn, slate.place)
            chance = tf.gather(propensity(before, drawn, strength), place, batch_dims=1)
        return {
            **self._told(asked, request, slate),
            "trace": tf.where(here, traces(slate.place, drafts), ""),
            "propensity": tf.where(here, chance, 0.0),
        }

    def _serve(self, asked: Mapping[str, tf.Tensor]) -> tuple[Request, Slate]:
        context = {name: value for name, value in asked.items() if name not in ASKED}
        request = self.read(asked["user_id"], asked["history"], asked["query_text"], context, asked["liked"])
        liked, disliked, shown = (self.read.item_rows(asked[name]) for name in FEEDBACK)
        filters = self._filters(request, asked["exclude"], asked["allow_category"])
        wishes = Wishes(
            request.recent,
            tf.clip_by_value(asked["k"], 1, self.config.export.k),
            liked,
            disliked,
            shown,
            asked["diversity"],
            asked["fairness"],
            asked["exploration"],
            seeds(asked["user_id"], asked["history"], *(asked[name] for name in FEEDBACK)),
            request.user,
            asked["query_text"],
        )
        return request, self.slate(
            request, filters._replace(rows=tf.concat([filters.rows, disliked], 1)), wishes
        )

    def _told(self, asked: Mapping[str, tf.Tensor], request: Request, slate: Slate) -> Outputs:
        rows, promoted = slate.rows, tf.fill(tf.shape(slate.place), "")
        if self.slate.reranker.rules:
            *_, before, after = slate.drafts.values()
            rose = position_in(after, slate.place) < position_in(before, slate.place)
            promoted = tf.where(rose, self.slate.reranker.rules.promoter(rows), "")
        evidence = Evidence(request.recent, asked["query_text"], request.text, asked["language"], promoted)
        return {
            "item_id": tf.gather(self.item_ids, rows),
            "score": slate.score,
            "retrieval_score": where_present(rows, tf.gather(slate.retrieval, slate.place, batch_dims=1)),
            "ranking_score": where_present(rows, tf.gather(slate.ranking, slate.place, batch_dims=1)),
            "reason": self.reasons(rows, evidence),
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
        request = self.read(user_id, history, query_text, context, _nobody(user_id))
        filters, asked = self._filters(request, exclude, allow_category), self.slate.recall.ask(request)
        found = self.slate.find(asked, filters, _largest(k, self.config.export.retrieve_k))
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
        request = self.read(user_id, history, query_text, context, _nobody(user_id))
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


def _nobody(user_id: tf.Tensor) -> tf.Tensor:
    """No ids for each of user_id string `[batch]`: string `[batch, 1]`, so that one trace of the reader serves all."""
    return tf.zeros_like(user_id)[:, None]


def _largest(k: tf.Tensor, most: int) -> tf.Tensor:
    """The largest k of the batch, each clipped to [1, most]: a negative k must not fail the requests beside it."""
    return tf.clip_by_value(tf.reduce_max(k), 1, most)
