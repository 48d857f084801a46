"""The two-tower model: query and candidate towers in one space, trained with the Retrieval task of TFRS."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tfrec.retrieval import sampling
from tfrec.retrieval.candidate_tower import CandidateTower
from tfrec.retrieval.query_tower import QueryTower
from tfrec.retrieval.tfrs import retrieval_loss

Tensor = Any


@keras.saving.register_keras_serializable(package="tfrec")
class TwoTower(keras.Model):
    """Next-item recall: after every event of a history, the vector of the next item should be the nearest.

    Training input: `{"history": int32 [batch, length], "user": int32 [batch]}` and the next rows int32
    `[batch, length]` (0 = nothing to predict). Histories start in column 0 and are padded with 0 at the right.

    Args:
        candidate, query: the towers.
        temperature: logits are inner products divided by it.
        negatives: uniform negatives of a step; at least the catalogue's size = the exact full softmax.
    """

    def __init__(
        self,
        candidate: CandidateTower,
        query: QueryTower,
        *,
        temperature: float = 1.0,
        negatives: int = 1024,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.candidate, self.query = candidate, query
        self.temperature, self.negatives = temperature, negatives
        self.seed_generator = keras.random.SeedGenerator()
        if not candidate.built:
            candidate.build(None)
        if not query.built:
            query.build((None, None, candidate.dim))
        self.frequency = self.add_weight(
            shape=(candidate.items,), initializer="zeros", trainable=False, name="frequency"
        )
        self._exact_loss = retrieval_loss(temperature=temperature, remove_accidental_hits=False)
        self._sampled_loss = retrieval_loss(temperature=temperature, remove_accidental_hits=True)
        self.built = True

    def set_items(
        self, counts: np.ndarray, content: np.ndarray | None = None, category: np.ndarray | None = None
    ) -> None:
        """Fill the item tables: counts as in `set_counts`, the rest as in `CandidateTower`."""
        self.candidate.set_content(content=content, category=category)
        self.set_counts(counts)

    def set_counts(self, counts: np.ndarray) -> None:
        """Tell how often each row occurs in training, int `[items]`: for logQ, and for which items have an id part."""
        self.frequency.assign(counts / max(1, counts.sum()))
        self.candidate.warm.assign((counts > 0).astype("float32"))
        self.train_function = None  # the pool of negatives is a constant of the training graph

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> Tensor:
        """One query vector after every event: `[batch, length, dim]`."""
        history = inputs["history"]
        vectors = self.candidate(history, training=training)
        return self.query(
            vectors, present=ops.not_equal(history, 0), user=inputs.get("user"), training=training
        )

    def query_vectors(self, history: Tensor, user: Tensor | None = None) -> Tensor:
        """The query vector after the last event: int32 `[batch, length]`, `[batch]` → `[batch, dim]`."""
        last = ops.maximum(ops.sum(ops.cast(ops.not_equal(history, 0), "int32"), axis=1) - 1, 0)
        every = self({"history": history} if user is None else {"history": history, "user": user})
        return ops.squeeze(ops.take_along_axis(every, last[:, None, None], axis=1), axis=1)

    def item_vectors(self, block: int = 8192) -> Tensor:
        """The vectors of all rows, float32 `[items, dim]`, computed `block` rows at a time."""
        parts = [
            self.candidate(tf.range(i, min(i + block, self.candidate.items)))
            for i in range(0, self.candidate.items, block)
        ]
        return tf.concat(parts, 0)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        """Mean softmax loss over the events that have a next one; `sample_weight` is not used."""
        present = tf.not_equal(y, 0)
        queries, positives = (
            tf.cast(tf.boolean_mask(y_pred, present), tf.float32),
            tf.boolean_mask(y, present),
        )
        with tf.init_scope():
            pool = tf.constant(np.flatnonzero(self.candidate.warm.numpy()), tf.int32)
        negatives = sampling.uniform_negatives(pool, self.negatives, self.seed_generator.next())
        rows = tf.concat([positives, negatives], 0)
        candidates = tf.cast(self.candidate(rows, training=training), tf.float32)
        if sampling.is_exact(pool.shape[0], self.negatives):
            share = sampling.multiplicity(rows, self.candidate.items)
            loss = self._exact_loss(queries, candidates, candidate_sampling_probability=share)
        else:
            share = sampling.mixed_probability(
                rows, self.frequency.value, tf.size(positives), self.negatives, pool.shape[0]
            )
            loss = self._sampled_loss(
                queries, candidates, candidate_sampling_probability=share, candidate_ids=rows
            )
        return loss / tf.maximum(tf.cast(tf.size(positives), tf.float32), 1.0)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "candidate": keras.saving.serialize_keras_object(self.candidate),
            "query": keras.saving.serialize_keras_object(self.query),
            "temperature": self.temperature,
            "negatives": self.negatives,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> "TwoTower":
        towers = {
            name: keras.saving.deserialize_keras_object(config.pop(name), custom_objects)
            for name in ("candidate", "query")
        }
        return cls(**towers, **config)
