"""The ranker: pair features, the history and language → one score for each candidate of a list."""

from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras import ops

from tfrec.ranking.adversarial import hardest
from tfrec.ranking.dynamic_weights import DynamicWeights, Form
from tfrec.ranking.features import recency
from tfrec.ranking.levels import KNOTS, on_level
from tfrec.ranking.meeting import MEETINGS
from tfrec.ranking.normalization import Normalization

Tensor = Any


class Embedded(NamedTuple):
    """The vectors that a batch of lists is scored by.

    Attributes:
        candidates, events: of the item space, `[batch, list, dim]` and `[batch, length, dim]`.
        texts, event_texts: of the content space, likewise.
    """

    candidates: Tensor
    events: Tensor
    texts: Tensor
    event_texts: Tensor


@keras.saving.register_keras_serializable(package="tfrec")
class Ranker(keras.Model):
    """Scores a list: a linear part that starts as the retrieval order, and networks that correct it.

    Inputs: `features` float32 `[batch, list, features]` (see `PairFeatures`, retrieval first), `candidates` int32
    `[batch, list]` and `history` int32 `[batch, length]`. Output: scores float32 `[batch, list]`. Compile it with a
    loss of `tfrec.ranking.losses` and labels `[batch, list]` in which a negative label masks a place. Once it has
    `levels`, items that `set_new` names are scored by these.

    Args:
        items, dim: shape of the frozen item vectors of the retrieval stage.
        features: number of pair features.
        content_dim: width of the frozen vectors of the content space, which the dynamic weights read.
        units: width of the networks and the attention.
        dropout: in the network.
        meets: how a candidate meets the history, "attention", "lstm" or "none".
        cross: cross layers (DCN v2, Wang et al. 2020, arXiv:2008.13535, eq. 1) before the network.
        maps: feature maps of `DynamicWeights`, 0 = none.
        form: of `DynamicWeights`.
        adversarial: ε of `hardest`: half of the training loss is that of vectors so far off; 0 = none of it.
        isotonic: whether probabilities are rising steps of the score, not a sigmoid.
    """

    def __init__(
        self,
        items: int,
        dim: int,
        features: int,
        *,
        content_dim: int = 0,
        units: int = 32,
        dropout: float = 0.2,
        meets: str = "attention",
        cross: int = 0,
        maps: int = 0,
        form: Form = "attention",
        adversarial: float = 0.0,
        isotonic: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.items, self.dim, self.features, self.content_dim = items, dim, features, content_dim
        self.units, self.dropout, self.meets = units, dropout, meets
        self.cross, self.maps, self.form = cross, maps, form
        self.adversarial, self.isotonic = adversarial, isotonic
        self.vectors, self.content = (
            self.add_weight(shape=(items, width), initializer="zeros", trainable=False, name=name)
            for name, width in (("vectors", dim), ("content", content_dim))
        )
        self.calibration = self.add_weight(
            shape=(2,), initializer=_one_and_zero, trainable=False, name="calibration"
        )
        self.new = self.add_weight(shape=(items,), initializer="zeros", trainable=False, name="new")
        self.levels = self.add_weight(
            shape=(2, KNOTS), initializer="zeros", trainable=False, dtype="float32", name="levels"
        )
        if isotonic:
            self.steps = self.add_weight(
                shape=(2, KNOTS), initializer="zeros", trainable=False, dtype="float32", name="steps"
            )
        same = {"dtype": self.dtype_policy}
        self.scale = Normalization(name="scale", **same)
        self.meeting = MEETINGS[meets](units, name="meeting", **same) if meets != "none" else None
        width = features + (units if self.meeting else 0)
        # keras-rs's FeatureCross builds its kernel when called, too late for a file to be read into it
        self.crosses = [keras.layers.Dense(width, name=f"cross_{i}", **same) for i in range(cross)]
        self.hidden = keras.layers.Dense(units, activation="gelu", name="hidden", **same)
        self.drop = keras.layers.Dropout(dropout, **same)
        # scores stay float32 in mixed precision, as Keras advises for outputs
        self.correction = keras.layers.Dense(
            1, kernel_initializer="zeros", dtype="float32", name="correction"
        )
        self.linear = keras.layers.Dense(
            1, use_bias=False, kernel_initializer=_first_only, dtype="float32", name="linear"
        )
        self.dynamic = DynamicWeights(maps, units, form=form, **same) if maps else None
        self._build_parts()

    def _build_parts(self) -> None:
        width = self.features + (self.units if self.meeting else 0)
        self.scale.build((None, None, self.features))
        if self.meeting:
            self.meeting.build((None, None, self.dim))
        for layer in (*self.crosses, self.hidden):
            layer.build((None, None, width))
        self.correction.build((None, None, self.units))
        self.linear.build((None, None, self.features))
        if self.dynamic:
            self.dynamic.build([(None, self.dim)] * 2 + [(None, self.content_dim)] * 2)
        self.built = True

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> Tensor:
        return self.score(inputs, self.embedded(inputs), training=training)

    def embedded(self, inputs: dict[str, Tensor]) -> Embedded:
        """The vectors of `candidates` and `history`."""
        rows = inputs["candidates"], inputs["history"]
        tables = self.vectors, self.content
        return Embedded(*(ops.take(table, some, axis=0) for table in tables for some in rows))

    def score(self, inputs: dict[str, Tensor], vectors: Embedded, *, training: bool = False) -> Tensor:
        """The scores of lists by vectors that may be others than their items' own: `[batch, list]`."""
        score = self.logits(inputs, vectors, training=training)
        return score if training else self._levelled(inputs, score)

    def logits(self, inputs: dict[str, Tensor], vectors: Embedded, *, training: bool = False) -> Tensor:
        """The scores `[batch, list]` as they were learned, of new items too."""
        features, present = self.scale(inputs["features"]), ops.not_equal(inputs["history"], 0)
        parts = [features]
        if self.meeting:
            parts.append(self.meeting(vectors.candidates, vectors.events, present=present))
        first = crossed = ops.concatenate(parts, -1)
        for layer in self.crosses:
            crossed = first * layer(crossed) + crossed
        hidden = self.drop(self.hidden(crossed), training=training)
        score = ops.squeeze(self.linear(features) + self.correction(hidden), -1)
        if self.dynamic is not None:
            user, text = (pooled(part, inputs["history"]) for part in (vectors.events, vectors.event_texts))
            score += self.dynamic([user, vectors.candidates, text, vectors.texts])
        return score

    def _levelled(self, inputs: dict[str, Tensor], score: Tensor) -> Tensor:
        """The scores `[batch, list]`, those of new items by `levels`, once there are any."""
        levels = tf.cast(self.levels.value, tf.float32)
        new = (ops.take(self.new, inputs["candidates"]) > 0) & ops.any(levels != 0)
        return ops.where(new, on_level(levels, ops.cast(inputs["features"][..., 0], "float32")), score)

    def set_new(self, warm: Any) -> None:
        """Tells which rows have interactions, `[items]`, not 0 where one does."""
        self.new.assign(ops.cast(ops.equal(warm, 0), "float32"))

    def probability(self, scores: Tensor) -> Tensor:
        """How likely a candidate with such a score comes next, as the fit found it on lists held out."""
        if self.isotonic:
            return on_level(self.steps.value, scores)
        slope, offset = self.calibration[0], self.calibration[1]
        return ops.sigmoid(slope * scores + offset)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        """The compiled loss; in training, where `adversarial` says so, the mean of it and that of harder lists.

        Where the inputs have a `correction` `[batch, list]`, it is added to the scores.
        """

        def of(scores: Tensor) -> Tensor:
            shift = x.get("correction") if isinstance(x, dict) else None
            scores = scores if shift is None else scores + shift
            return super(Ranker, self).compute_loss(x, y, scores, sample_weight, training)

        loss = of(y_pred)
        if not (training and self.adversarial):
            return loss
        vectors = list(self.embedded(x))

        def at(moved: list[Tensor]) -> Tensor:
            return of(self.score(x, Embedded(*moved), training=training))

        with tf.GradientTape() as tape:
            tape.watch(vectors)
            near = at(vectors)
        slopes = tape.gradient(near, vectors, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return (loss + at(hardest(vectors, [tf.stop_gradient(g) for g in slopes], self.adversarial))) / 2

    def with_tables(self, vectors: Any, content: Any) -> "Ranker":
        """The same model for other items: vectors `[items, dim]`, and content `[items, content_dim]` if any is read.

        None of them is new before `set_new`.
        """
        other = type(self).from_config({**self.get_config(), "items": len(vectors)})
        other.adopt(self)
        other.vectors.assign(vectors)
        other.content.assign(content if self.content_dim else other.content)
        return other

    def adopt(self, other: "Ranker") -> None:
        """Takes over what another ranker of the same settings has learned; the tables stay."""
        for ours, theirs in zip(self._learning(), other._learning(), strict=True):
            ours.set_weights(theirs.get_weights())
        self.calibration.assign(other.calibration)
        self.levels.assign(other.levels)
        if self.isotonic:
            self.steps.assign(other.steps)

    def _learning(self) -> list[keras.layers.Layer]:
        parts = [
            self.scale,
            self.meeting,
            *self.crosses,
            self.hidden,
            self.correction,
            self.linear,
            self.dynamic,
        ]
        return [part for part in parts if part is not None]

    def get_config(self) -> dict[str, Any]:
        names = (
            "items",
            "dim",
            "features",
            "content_dim",
            "units",
            "dropout",
            "meets",
            "cross",
            "maps",
            "form",
            "adversarial",
            "isotonic",
        )
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def pooled(vectors: Tensor, history: Tensor) -> Tensor:
    """The recency-weighted mean of vectors `[batch, length, dim]` of rows int32 `[batch, length]`: `[batch, dim]`."""
    weight = recency(history)
    weight /= ops.maximum(ops.sum(weight, 1, keepdims=True), 1e-6)
    return ops.squeeze(ops.matmul(ops.cast(weight, vectors.dtype)[:, None], vectors), 1)


@keras.saving.register_keras_serializable(package="tfrec")
def _first_only(shape: tuple[int, ...], dtype: Any = None, **_: Any) -> Tensor:
    """1 for the first input, 0 for the others: the untrained score is the retrieval score."""
    return ops.cast(ops.concatenate([ops.ones((1, shape[1])), ops.zeros((shape[0] - 1, shape[1]))], 0), dtype)


@keras.saving.register_keras_serializable(package="tfrec")
def _one_and_zero(shape: tuple[int, ...], dtype: Any = None, **_: Any) -> Tensor:
    return ops.cast(ops.array([1.0, 0.0]), dtype)
