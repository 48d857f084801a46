"""The two-tower model: query and candidate towers in one space, trained with the Retrieval task of TFRS."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tfrec.data.user_side import Context
from tfrec.retrieval import replicas, sampling
from tfrec.retrieval.blend import Blend
from tfrec.retrieval.candidate_tower import CandidateTower
from tfrec.retrieval.full_softmax import full_softmax_loss
from tfrec.retrieval.interests import route
from tfrec.retrieval.query_tower import QueryTower
from tfrec.retrieval.tfrs import retrieval_loss

Tensor = Any


@keras.saving.register_keras_serializable(package="tfrec")
class TwoTower(keras.Model):
    """Next-item recall: after every event of a history, the vector of the next item should be the nearest.

    Training input: `{"history": int32 [batch, length], "user": int32 [batch]}`, perhaps a `"context"` (of the next
    events), and the next rows int32 `[batch, length]` (0 = nothing to predict; with a query tower that has a `start`
    one more, the first event, in front). Histories start in column 0 and are padded with 0 at the right.

    Args:
        candidate, query: the towers.
        temperature: logits are inner products divided by it.
        negatives: uniform negatives of a step; at least the catalogue's size = the exact full softmax.
        hard_negatives: further negatives of a step, those that its queries like best among some drawn uniformly. They
            are not drawn at random, so that logQ does not correct for them: a bias towards the head of the ranking.
        streaming: whether the frequency of items is estimated from the batches, where `set_counts` cannot know it.
        blend: the experts that answer beside the towers once these are trained; None = none.
    """

    def __init__(
        self,
        candidate: CandidateTower,
        query: QueryTower,
        *,
        temperature: float = 1.0,
        negatives: int = 1024,
        hard_negatives: int = 0,
        streaming: bool = False,
        blend: Blend | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.candidate, self.query = candidate, query
        self.blend = blend or Blend(candidate.items)
        self.temperature, self.negatives, self.hard_negatives = temperature, negatives, hard_negatives
        self.streaming = sampling.StreamingFrequency(candidate.items) if streaming else None
        self.seed_generator = keras.random.SeedGenerator()
        if not candidate.built:
            candidate.build(None)
        if not query.built:
            query.build((None, None, candidate.dim))
        self.frequency = self.add_weight(
            shape=(candidate.items,), initializer="zeros", trainable=False, name="frequency"
        )
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
        warm = counts > 0
        self.frequency.assign(counts / max(1, counts.sum()))
        if not np.array_equal(warm, self.candidate.warm.numpy() > 0):
            self.train_function = None  # the pool of negatives is a constant of the training graph
        self.candidate.set_warm(warm)

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> Tensor:
        """The query after every event: `[batch, length, dim]`, or `[batch, length, interests, dim]`."""
        history = inputs["history"]
        vectors = self.candidate(history, training=training)
        return self.query(
            vectors,
            present=ops.not_equal(history, 0),
            user=inputs.get("user"),
            context=inputs.get("context"),
            training=training,
        )

    def query_vectors(
        self, history: Tensor, user: Tensor | None = None, context: Context | None = None
    ) -> Tensor:
        """The query vector after the last event: int32 `[batch, length]`, `[batch]`, `[batch, …]` → `[batch, dim]`, or
        `[batch, interests, dim]` where there are many."""
        inputs = {"history": history}
        if user is not None:
            inputs["user"] = user
        if context is not None:
            inputs["context"] = Context(*(part[:, None] for part in context))
        last, every = self.query.last(ops.not_equal(history, 0)), self(inputs)
        place = ops.reshape(last, (-1, *(1 for _ in every.shape[1:])))
        return ops.cast(ops.squeeze(ops.take_along_axis(every, place, axis=1), axis=1), "float32")

    def item_vectors(self, block: int = 8192) -> Tensor:
        """The vectors of all rows, float32 `[items, dim]`, computed `block` rows at a time."""
        parts = [
            self.candidate(tf.range(i, min(i + block, self.candidate.items)))
            for i in range(0, self.candidate.items, block)
        ]
        return tf.cast(tf.concat(parts, 0), tf.float32)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        """Mean softmax loss over the events that have a next one, on all replicas.

        `sample_weight`, float `[batch]` or as `y`, weighs the losses; the mean is over the events, as in Keras' losses.
        """
        present = tf.not_equal(y, 0)
        queries = tf.cast(tf.boolean_mask(y_pred, present), tf.float32)
        own = tf.boolean_mask(y, present)
        weights = tf.boolean_mask(_spread(sample_weight, y), present)
        if self.query.interests > 1:
            queries = route(queries, tf.cast(self.candidate(own), tf.float32))
        positives = tf.concat([own, replicas.of_others(own)], 0)
        with tf.init_scope():
            pool = tf.constant(np.flatnonzero(self.candidate.warm.numpy()), tf.int32)
        if self.streaming is not None and training:
            self.streaming.update(positives)
        events = tf.maximum(tf.cast(tf.size(positives), tf.float32), 1.0)
        if sampling.is_exact(pool.shape[0], self.negatives):
            candidates = tf.cast(self.candidate(pool, training=training), tf.float32)
            places = tf.searchsorted(pool, own)
            return full_softmax_loss(queries / self.temperature, candidates, places, weights) / events
        negatives = self._negatives(pool, queries, own)
        rows = tf.concat([positives, negatives], 0)
        share = sampling.mixed_probability(
            self._expected(rows, tf.size(positives)), tf.size(positives), self.negatives, pool.shape[0]
        )
        candidates = tf.cast(self.candidate(rows, training=training), tf.float32)
        loss = self._sampled_loss(
            queries,
            candidates,
            sample_weight=weights,
            candidate_sampling_probability=share,
            candidate_ids=rows,
        )
        return loss / events

    def _negatives(self, pool: Tensor, queries: Tensor, positives: Tensor) -> Tensor:
        """Uniform negatives and hard ones."""
        uniform = sampling.uniform_negatives(pool, self.negatives, self.seed_generator.next())
        if not self.hard_negatives:
            return uniform
        drawn = sampling.uniform_negatives(
            pool, sampling.HARD_FROM * self.hard_negatives, self.seed_generator.next()
        )
        vectors = tf.cast(self.candidate(drawn), tf.float32)
        count = min(self.hard_negatives, drawn.shape[0])
        return tf.concat([uniform, sampling.hardest(queries, vectors, drawn, positives, count)], 0)

    def _expected(self, rows: Tensor, positives: Tensor) -> Tensor:
        """How often each of rows int32 `[n]` is expected among so many positives: float32 `[n]`."""
        if self.streaming is not None:
            return self.streaming(rows)
        return tf.cast(positives, tf.float32) * tf.gather(self.frequency.value, rows)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "candidate": keras.saving.serialize_keras_object(self.candidate),
            "query": keras.saving.serialize_keras_object(self.query),
            "blend": keras.saving.serialize_keras_object(self.blend),
            "temperature": self.temperature,
            "negatives": self.negatives,
            "hard_negatives": self.hard_negatives,
            "streaming": self.streaming is not None,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> "TwoTower":
        layers = {
            name: keras.saving.deserialize_keras_object(config.pop(name), custom_objects)
            for name in ("candidate", "query", "blend")
        }
        return cls(**layers, **config)


def _spread(weight: Tensor | None, events: Tensor) -> Tensor:
    """A weight for each event, float32 of the shape of `events` `[batch, length]`; 1 where none is given."""
    if weight is None:
        return tf.ones_like(events, tf.float32)
    weight = tf.cast(weight, tf.float32)
    return tf.broadcast_to(weight[:, None] if weight.shape.rank == 1 else weight, tf.shape(events))
