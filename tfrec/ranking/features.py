"""What is known of a (history, candidate) pair before anything is learned about ranking: one number for each question.

The questions come in `GROUPS`, of which a run may leave out all but retrieval's.

Everything here is fixed once the retrieval stage is trained, so training lists compute it once and the exported graph
computes it for each request with the same code.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfrec.retrieval.index import summed_at

GROUPS = {
    "retrieval": ("retrieval_log_probability", "retrieval_z"),
    "popularity": ("popularity", "trend", "is_new"),
    "language": (
        "language_nearest",
        "language_mean",
        "language_last",
        "content_nearest",
        "content_mean",
        "content_last",
    ),
    "behaviour": ("vector_nearest", "vector_mean", "vector_last"),
    "co_occurrence": ("co_occurrence", "co_occurrence_recent", "co_occurrence_last"),
    "category": ("category_overlap",),
    "activity": ("history_length",),
}
SIDE_GROUPS = {"profile": ("profile",), "context": ("context",)}  # of what recall knows beside the history
ALL_GROUPS = GROUPS | SIDE_GROUPS
NAMES = tuple(name for group in GROUPS.values() for name in group)
RECENT = 0.8  # weight of an event relative to the next newer one in the `recent` features


@keras.saving.register_keras_serializable(package="tfrec")
class PairFeatures(keras.layers.Layer):
    """History and candidates → one feature vector a candidate, in the order of `names`.

    Computed in float32 under any dtype policy: sums over a history are beyond float16.

    Args:
        items: rows, padding row 0 included.
        dim: size of the retrieval stage's item vectors.
        text_dim: size of the language vectors, 0 = none.
        content_dim: size of the vectors in recall's content space, language whitened beside words.
        neighbours: co-occurring items kept for each item.
        categories: size of the category vocabulary with its padding id 0; 0 = none.
        slots: category ids of one item.
        groups: keys of `GROUPS` and `SIDE_GROUPS` that are asked, "retrieval" first.

    Attributes:
        names: of the features.
    """

    def __init__(
        self,
        items: int,
        dim: int,
        *,
        text_dim: int,
        neighbours: int,
        categories: int,
        slots: int,
        content_dim: int = 0,
        groups: Sequence[str] = tuple(GROUPS),
        **kwargs: Any,
    ) -> None:
        super().__init__(**{**kwargs, "dtype": "float32"})
        check_groups(groups)
        self.items, self.dim, self.text_dim, self.content_dim = items, dim, text_dim, content_dim
        self.neighbours, self.categories, self.slots = neighbours, categories, slots
        self.groups = tuple(groups)
        self.names = tuple(name for group in groups for name in ALL_GROUPS[group])
        self.reads_side = not {*groups}.isdisjoint(SIDE_GROUPS)
        shapes = {
            "vectors": (items, dim),
            "language": (items, text_dim),
            "content": (items, content_dim),
            "popularity": (items,),
            "trend": (items,),
            "is_new": (items,),
            "cosine": (items, neighbours),
        }
        self.tables = {name: self._table(name, shape, "float32") for name, shape in shapes.items()}
        for name, width in (("neighbour", neighbours), ("category", slots)):
            self.tables[name] = self._table(name, (items, width), "int32")
        self.built = True

    def _table(self, name: str, shape: tuple[int, ...], dtype: str) -> Any:
        return self.add_weight(shape=shape, dtype=dtype, initializer="zeros", trainable=False, name=name)

    def set_tables(
        self, *, counts: np.ndarray, recent: np.ndarray | None = None, added: int = 0, **tables: Any
    ) -> None:
        """Fill the tables.

        Args:
            counts: int `[items]`, training interactions.
            recent: int `[items]`, those of them that are among the newest; None = as the counts.
            added: how many of the last rows came after training; they do not change how popular the others are.
            tables: `vectors`, `language`, `content`, `category`, `neighbour`, `cosine`, `[items, …]`.
        """
        trained = slice(1, len(counts) - added)
        self.tables["popularity"].assign(_standardized_logs(counts, trained))
        self.tables["trend"].assign(_standardized_logs(counts if recent is None else recent, trained))
        self.tables["is_new"].assign((counts == 0).astype(np.float32))
        for name, values in tables.items():
            self.tables[name].assign(values)

    def call(
        self,
        history: tf.Tensor,
        candidates: tf.Tensor,
        retrieval: tf.Tensor,
        side: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Features float32 `[batch, list, features]`; a candidate's do not depend on the list that it stands in.

        Args:
            history: int32 `[batch, length]`, 0 = none.
            candidates: int32 `[batch, list]`, 0 = none.
            retrieval: float32 `[batch, list, 2]`, the retriever's `evidence`.
            side: float32 `[batch, list, 2]`, its `side_evidence`, where a group reads it.
        """
        if self.reads_side and side is None:
            raise ValueError(f"`side` is needed for the groups {', '.join(self.groups)}. Received: None")
        said = [] if side is None else tf.unstack(side, axis=-1)
        asked = {
            "retrieval": lambda: tf.unstack(retrieval, axis=-1),
            "popularity": lambda: [
                tf.gather(self.tables[name].value, candidates) for name in GROUPS["popularity"]
            ],
            "language": lambda: [
                feature
                for table in ("language", "content")
                for feature in self._similarity(table, history, candidates)
            ],
            "behaviour": lambda: self._similarity("vectors", history, candidates),
            "co_occurrence": lambda: self._co_occurrence(history, candidates),
            "category": lambda: [self._category_overlap(history, candidates)],
            "activity": lambda: [_length(history, candidates)],
            "profile": lambda: said[:1],
            "context": lambda: said[1:],
        }
        return tf.stack([feature for group in self.groups for feature in asked[group]()], -1)

    def _similarity(self, table: str, history: tf.Tensor, candidates: tf.Tensor) -> list[tf.Tensor]:
        """Inner products of a candidate with the history: the largest, the recency-weighted mean, the last event's."""
        vectors = self.tables[table].value
        if not vectors.shape[1]:
            return [tf.zeros(tf.shape(candidates))] * 3
        events = tf.gather(vectors, history)
        products = tf.matmul(tf.gather(vectors, candidates), events, transpose_b=True)
        seen = (history > 0)[:, None, :]
        nearest = tf.reduce_max(tf.where(seen, products, tf.float32.min), 2)
        nearest = tf.where(tf.reduce_any(seen, 2), nearest, 0.0)
        weight = recency(history)[:, None, :]
        mean = tf.reduce_sum(products * weight, 2) / tf.maximum(tf.reduce_sum(weight, 2), 1e-6)
        last = tf.reduce_sum(products * _is_last(history)[:, None, :], 2)
        return [nearest, mean, last]

    def _co_occurrence(self, history: tf.Tensor, candidates: tf.Tensor) -> list[tf.Tensor]:
        """Item-kNN scores of the candidates: over the whole history, weighted by recency, for the last event."""
        near, cosine = (tf.gather(self.tables[name].value, history) for name in ("neighbour", "cosine"))
        weight = tf.stack([tf.cast(history > 0, tf.float32), recency(history), _is_last(history)], -1)
        values = cosine[..., None] * weight[:, :, None]
        batch, length = tf.unstack(tf.shape(history))
        flat = length * self.neighbours
        scores = summed_at(
            candidates, tf.reshape(near, [batch, flat]), tf.reshape(values, [batch, flat, weight.shape[-1]])
        )
        whole, recent, last = tf.unstack(scores, axis=-1)
        return [tf.math.log1p(whole), recent, last]

    def _category_overlap(self, history: tf.Tensor, candidates: tf.Tensor) -> tf.Tensor:
        """Share of the recent history in the candidate's categories, averaged over them."""
        if not self.categories:
            return tf.zeros(tf.shape(candidates))
        batch, ids = tf.shape(history)[0], tf.gather(self.tables["category"].value, history)
        weight = recency(history)
        weight /= tf.maximum(tf.reduce_sum(weight, 1, keepdims=True), 1e-6)
        line = tf.range(batch)[:, None, None]
        shares = tf.math.unsorted_segment_sum(
            tf.reshape(tf.broadcast_to(weight[..., None], tf.shape(ids)), [-1]),
            tf.reshape(line * self.categories + ids, [-1]),
            batch * self.categories,
        )
        own = tf.gather(self.tables["category"].value, candidates)
        present = tf.cast(own > 0, tf.float32)
        share = tf.gather(shares, line * self.categories + own) * present
        return tf.reduce_sum(share, 2) / tf.maximum(tf.reduce_sum(present, 2), 1.0)

    def likeness(self) -> tf.Tensor:
        """Unit vectors by row in which items are alike: of language, without a language model those of retrieval."""
        if self.text_dim:
            return self.tables["language"].value
        return tf.math.l2_normalize(self.tables["vectors"].value, 1)

    def get_config(self) -> dict[str, Any]:
        names = ("items", "dim", "text_dim", "content_dim", "neighbours", "categories", "slots", "groups")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def check_groups(groups: Sequence[str]) -> None:
    """Raises ValueError unless the groups are known, each once, "retrieval" first."""
    if not groups or groups[0] != "retrieval" or len({*groups}) < len(groups) or {*groups} - {*ALL_GROUPS}:
        raise ValueError(
            f"`groups` must be 'retrieval' and some of {', '.join([*ALL_GROUPS][1:])}, each once. "
            f"Received: {', '.join(groups) or 'none'}."
        )


def _standardized_logs(counts: np.ndarray, trained: slice) -> np.ndarray:
    """log(1 + counts), less its mean over the `trained` rows, in their standard deviations."""
    logs = np.log1p(counts)
    return (logs - logs[trained].mean()) / (logs[trained].std() or 1.0)


def _length(history: tf.Tensor, candidates: tf.Tensor) -> tf.Tensor:
    """log(1 + events) of each line, for every candidate."""
    length = tf.reduce_sum(tf.cast(history > 0, tf.float32), 1)[:, None]
    return tf.broadcast_to(tf.math.log1p(length), tf.shape(candidates))


def recency(history: tf.Tensor) -> tf.Tensor:
    """Weight 1 for the newest event of each line, `RECENT` for the one before, and so on; 0 for padding."""
    present = tf.cast(history > 0, tf.float32)
    age = tf.reduce_sum(present, 1, keepdims=True) - tf.cumsum(present, 1)
    return present * RECENT**age


def _is_last(history: tf.Tensor) -> tf.Tensor:
    """1 at the newest event of each line."""
    present = tf.cast(history > 0, tf.float32)
    return present * tf.cast(
        tf.equal(tf.cumsum(present, 1), tf.reduce_sum(present, 1, keepdims=True)), tf.float32
    )
