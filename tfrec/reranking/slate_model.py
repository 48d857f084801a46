"""The slate model: a small transformer that reads all candidates of a slate and corrects their ranking scores.

Permutation-equivariant, as SetRank (Pang et al. 2020, arXiv:1912.05891) without its ordinal embeddings; a residual of
the scores that came in, as in PRM (Pei et al. 2019, arXiv:1904.06813).
"""

from typing import Any, NamedTuple

import keras
from keras import ops

Tensor = Any

FAR = -1e4  # added to the logit of a place that no attention may see
FLOOR = -12.0  # of a log-probability within the slate
LEAST_SPREAD = 1e-3  # variance added to that of the scores, so that equal ones have a deviation


@keras.saving.register_keras_serializable(package="tfrec")
class SlateAttention(keras.layers.Layer):
    """A pre-norm block in which every candidate sees all others, and how much it is like each of them.

    Args:
        heads: number of heads; must divide the width.
        dropout: of what the block adds.
    """

    def __init__(self, heads: int, *, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads, self.dropout = heads, dropout
        same = {"dtype": self.dtype_policy}
        self.before_attention, self.before_wide = (keras.layers.LayerNormalization(**same) for _ in range(2))
        self.likeness = keras.layers.Dense(
            heads, use_bias=False, kernel_initializer="zeros", name="likeness", **same
        )
        self.drop = keras.layers.Dropout(dropout, **same)

    def build(self, shape: tuple[Any, ...]) -> None:
        width, same = shape[-1], {"dtype": self.dtype_policy}
        if width % self.heads:
            raise ValueError(f"`heads` must divide the width {width}. Received: heads={self.heads}.")
        self.qkv = keras.layers.Dense(3 * width, name="qkv", **same)
        self.out = keras.layers.Dense(width, name="out", **same)
        self.wide = keras.layers.Dense(2 * width, activation="gelu", name="wide", **same)
        self.narrow = keras.layers.Dense(width, name="narrow", **same)
        for layer in (self.before_attention, self.before_wide, self.qkv, self.out, self.wide):
            layer.build(shape)
        self.narrow.build((*shape[:-1], 2 * width))
        self.likeness.build((*shape[:-1], shape[-2], 2))
        self.built = True

    def call(self, x: Tensor, alike: Tensor, present: Tensor, training: bool = False) -> Tensor:
        """x `[batch, n, width]`, alike `[batch, n, n, 2]`, present bool `[batch, n]` → `[batch, n, width]`."""
        batch, n, width = ops.shape(x)
        split = ops.reshape(
            self.qkv(self.before_attention(x)), (batch, n, 3, self.heads, width // self.heads)
        )
        query, key, value = ops.unstack(ops.transpose(split, (2, 0, 3, 1, 4)), 3)
        logits = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2))) * (width // self.heads) ** -0.5
        logits += ops.transpose(self.likeness(alike), (0, 3, 1, 2))
        weights = ops.softmax(ops.where(present[:, None, None], logits, ops.cast(FAR, logits.dtype)))
        seen = ops.reshape(ops.transpose(ops.matmul(weights, value), (0, 2, 1, 3)), (batch, n, width))
        x = x + self.drop(self.out(seen), training=training)
        return x + self.drop(self.narrow(self.wide(self.before_wide(x))), training=training)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "heads": self.heads, "dropout": self.dropout}


@keras.saving.register_keras_serializable(package="tfrec")
class SlateModel(keras.Model):
    """Ranking scores plus a correction that starts as 0 and hangs on the slate as a whole.

    Inputs, a dict: `ranking` and `retrieval` float32 `[batch, n]`, on scales of any offset; `present` bool
    `[batch, n]`; `behaviour` and `text` float32 `[batch, n, …]`, unit vectors of the candidates (zeros where nothing is
    known). Output: float32 `[batch, n]`. Compile it with a loss whose labels below 0 mask the places that are not
    present; these have no influence on the others. It computes in float32 under any dtype policy: it is small, and
    scores of the lowest float are beyond float16.

    Args:
        behaviour_dim, text_dim: widths of the vectors; 0 = there are none.
        units: width of the transformer.
        blocks, heads: its size; `heads` must divide `units`.
        dropout: of the vectors and of what blocks add.
    """

    def __init__(
        self,
        behaviour_dim: int,
        text_dim: int,
        *,
        units: int = 32,
        blocks: int = 1,
        heads: int = 2,
        dropout: float = 0.2,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.behaviour_dim, self.text_dim = behaviour_dim, text_dim
        self.units, self.blocks, self.heads, self.dropout = units, blocks, heads, dropout
        same = {"dtype": self.dtype_policy}
        self.scores = keras.layers.Dense(units, name="scores", **same)
        widths = {"behaviour": behaviour_dim, "text": text_dim}
        self.readers = {
            name: keras.layers.Dense(units, use_bias=False, name=name, **same)
            for name, width in widths.items()
            if width
        }
        self.attentions = [SlateAttention(heads, dropout=dropout, **same) for _ in range(blocks)]
        self.last_norm = keras.layers.LayerNormalization(**same)
        self.drop = keras.layers.Dropout(dropout, **same)
        self.last = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros", **same)
        self._build_parts()

    def _build_parts(self) -> None:
        self.scores.build((None, None, 4))
        for name, layer in self.readers.items():
            layer.build((None, None, getattr(self, f"{name}_dim")))
        for layer in (*self.attentions, self.last_norm, self.last):
            layer.build((None, None, self.units))
        self.built = True

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> Tensor:
        return inputs["ranking"] + self.correction(inputs, training=training)

    def correction(self, inputs: dict[str, Tensor], *, training: bool = False) -> Tensor:
        """What is added to the ranking scores, float32 `[batch, n]`: of mean 0 in each slate, 0 where not present."""
        present = inputs["present"]
        said = [part for name in ("ranking", "retrieval") for part in _without_offset(inputs[name], present)]
        vectors = {name: inputs[name] for name in ("behaviour", "text")}
        alike = ops.stack([ops.matmul(part, ops.transpose(part, (0, 2, 1))) for part in vectors.values()], -1)
        x = self.scores(ops.stack(said, -1))
        for name, layer in self.readers.items():
            x = x + layer(self.drop(vectors[name], training=training))
        for layer in self.attentions:
            x = layer(x, alike, present=present, training=training)
        correction = ops.squeeze(self.last(self.last_norm(x)), -1)
        return ops.where(present, correction - _mean(correction, present), 0.0)

    def get_config(self) -> dict[str, Any]:
        names = ("behaviour_dim", "text_dim", "units", "blocks", "heads", "dropout")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _mean(values: Tensor, present: Tensor) -> Tensor:
    """Over the present places of each slate, `[batch, n]` → `[batch, 1]`."""
    weight = ops.cast(present, values.dtype)
    total = ops.sum(ops.where(present, values, 0.0) * weight, 1, keepdims=True)
    return total / ops.maximum(ops.sum(weight, 1, keepdims=True), 1.0)


def _without_offset(scores: Tensor, present: Tensor) -> list[Tensor]:
    """What scores `[batch, n]` say on whatever offset: log-probability in the slate, deviations from the mean."""
    scores = ops.where(
        present, scores, 0.0
    )  # the lowest float, of what recall did not find, would spoil the sums
    centred = scores - _mean(scores, present)
    partition = ops.logsumexp(ops.where(present, centred, FAR), axis=1, keepdims=True)
    spread = ops.sqrt(_mean(ops.square(centred), present) + LEAST_SPREAD)
    return [
        ops.where(present, part, 0.0)
        for part in (ops.maximum(centred - partition, FLOOR) / 4, centred / spread)
    ]


class SlateVectors(NamedTuple):
    """The cached vectors of the catalogue that slates are read by, float32 `[items, …]` by row, of any length.

    Attributes:
        behaviour: of the towers, as the ranker has them.
        text: of recall's content space.
    """

    behaviour: Tensor
    text: Tensor

    def read(self, rows: Tensor, ranking: Tensor, retrieval: Tensor) -> dict[str, Tensor]:
        """What the model reads of candidates int32 `[batch, n]`, 0 = none, with their scores float32 `[batch, n]`."""
        vectors = {
            name: ops.normalize(ops.take(table, rows, axis=0), axis=-1)
            for name, table in self._asdict().items()
        }
        return {"ranking": ranking, "retrieval": retrieval, "present": rows > 0, **vectors}
