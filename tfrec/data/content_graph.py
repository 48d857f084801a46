"""The columns of a row → its content row and category ids, in the graph as `item_content` does it offline."""

from collections.abc import Callable, Mapping

import keras
import tensorflow as tf

from tfrec.data.columns import STRINGS
from tfrec.data.item_content import SLOTS, ContentSpec
from tfrec.data.item_text import BETWEEN, MULTI_VALUE, WITHIN, text_columns
from tfrec.schema import Role


class ContentGraph:
    """The columns of a table as tensors → what a tower reads.

    Args:
        roles: of the columns.
        spec: how the table's content was made.
    """

    def __init__(self, roles: Mapping[str, Role], spec: ContentSpec) -> None:
        self.roles, self.spec = roles, spec
        values = list(spec.vocabulary) or [""]
        self.categories = len(values) + 1  # with id 0, an unknown value
        self.vocabulary = keras.layers.StringLookup(vocabulary=values, num_oov_indices=1, mask_token=None)
        self.vocabulary(tf.constant([""]))

    def signature(self) -> dict[str, tf.TensorSpec]:
        """One input for each column: text and categories string `[batch]`, numbers float32 `[batch]`, vectors
        float32 `[batch, width]`."""
        specs = {}
        for column, role in self.roles.items():
            if role in STRINGS:
                specs[column] = tf.TensorSpec([None], tf.string, column)
            elif role == Role.NUMBER:
                specs[column] = tf.TensorSpec([None], tf.float32, column)
            elif role == Role.VECTOR:
                specs[column] = tf.TensorSpec([None, self.spec.vectors[column][0]], tf.float32, column)
        return specs

    def text(self, columns: Mapping[str, tf.Tensor], batch: tf.Tensor) -> tf.Tensor:
        """The one text of each row, string `[batch]`, by the rule of `item_text`."""
        parts = [
            tf.strings.regex_replace(columns[name], f"\\{MULTI_VALUE}", WITHIN)
            for name in text_columns(self.roles)
        ]
        joined = tf.fill([batch], "")
        for part in parts:
            between = tf.where((joined != "") & (part != ""), BETWEEN, "")
            joined = joined + between + part
        return joined

    def category_ids(self, values: tf.Tensor, column: str | None = None) -> tf.Tensor:
        """Vocabulary ids int32 of values of a column (by default the category column), 0 = unknown."""
        name = column or next((name for name, role in self.roles.items() if role == Role.CATEGORY), "")
        return tf.cast(self.vocabulary(f"{name}=" + values), tf.int32)

    def __call__(
        self,
        encoder: Callable[[tf.Tensor], tf.Tensor] | None,
        columns: Mapping[str, tf.Tensor],
        batch: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Columns → content float32 `[batch, content_dim]` and category ids int32 `[batch, values]`, 0 = none."""
        blocks = [encoder(self.text(columns, batch))] if encoder and self.spec.text_dim else []
        for name, (mean, deviation) in self.spec.numbers.items():
            known = tf.math.is_finite(columns[name])
            blocks.append(tf.where(known, (columns[name] - mean) / deviation, 0.0)[:, None])
            blocks.append(tf.cast(known, tf.float32)[:, None])
        vectors = [_known_vectors(columns[name]) / length for name, (_, length) in self.spec.vectors.items()]
        blocks += [tf.cast(tf.reduce_any(vector != 0, 1, keepdims=True), tf.float32) for vector in vectors]
        blocks += vectors
        content = tf.concat(blocks, 1) if blocks else tf.zeros([batch, 0])
        ids = [self._multi_valued(columns[name], name) for name in self.spec.categorical]
        return content, _first(tf.concat(ids, 1), SLOTS) if ids else tf.zeros([batch, 1], tf.int32)

    def _multi_valued(self, values: tf.Tensor, column: str) -> tf.Tensor:
        split = tf.strings.split(values, MULTI_VALUE)
        stripped = split.with_flat_values(tf.strings.strip(split.flat_values))
        return self.category_ids(stripped.to_tensor(""), column)


def _known_vectors(vectors: tf.Tensor) -> tf.Tensor:
    """float32 `[batch, width]`, zeros (which stand for no vector) where any number of a vector is not finite."""
    return tf.where(tf.reduce_all(tf.math.is_finite(vectors), 1, keepdims=True), vectors, 0.0)


def _first(ids: tf.Tensor, most: int) -> tf.Tensor:
    """The first `most` ids of each row that are not 0, from column 0 on: int32 `[batch, n]` → `[batch, longest]`."""
    return tf.ragged.boolean_mask(ids, ids > 0)[:, :most].to_tensor()
