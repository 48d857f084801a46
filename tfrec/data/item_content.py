"""What is known of items, users or events beyond their id, as tables of numbers: language vectors, numbers, vector
columns, categories.

`ContentSpec` is learned once from a table and says how any row, also one that comes later, is turned into numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from tfrec.data.dataset import Dataset
from tfrec.data.item_text import MULTI_VALUE
from tfrec.data.lexical import LexicalSpace
from tfrec.schema import Role

SLOTS = 16


@dataclass(frozen=True)
class ContentSpec:
    """How the columns of a table become a content row and category ids.

    Args:
        text_dim: width of the language vector, 0 = none.
        numbers: column → (mean, standard deviation); each gives two content columns, the z-score and 1 where known.
        vectors: vector column → (width, root mean square length). A vector is divided by the length, to weigh about as
            much as a language vector, and gives one more content column, 1 where it is known; zeros are unknown.
        categorical: columns whose values are in the vocabulary, the `category` column first when there is one.
        vocabulary: "column=value" for each value; id = place + 1, 0 = padding or unknown.
    """

    text_dim: int
    numbers: dict[str, tuple[float, float]]
    vectors: dict[str, tuple[int, float]]
    categorical: tuple[str, ...]
    vocabulary: tuple[str, ...]

    @property
    def content_dim(self) -> int:
        """Columns of the content table."""
        return self.vectors_from + sum(width for width, _ in self.vectors.values())

    @property
    def vectors_from(self) -> int:
        """The first of the content columns that hold vectors; those before are language, numbers, and what is known."""
        return self.text_dim + 2 * len(self.numbers) + len(self.vectors)

    @property
    def categories(self) -> int:
        """Size of the vocabulary with id 0; 0 = none."""
        return len(self.vocabulary) + 1 if self.vocabulary else 0

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ContentSpec:
        """The inverse of `to_dict`."""
        return cls(
            text_dim=values["text_dim"],
            numbers={column: (mean, deviation) for column, (mean, deviation) in values["numbers"].items()},
            vectors={column: (width, length) for column, (width, length) in values["vectors"].items()},
            categorical=tuple(values["categorical"]),
            vocabulary=tuple(values["vocabulary"]),
        )


@dataclass(frozen=True, eq=False)
class ItemContent:
    """The content of a whole catalogue (or of all users, all events) by row: position + 1; row 0 is empty.

    Args:
        spec: how it was made.
        table: float32 `[items + 1, content_dim]`; its first `text_dim` columns are the language vector.
        category: int32 `[items + 1, slots]`, vocabulary ids, 0 = none.
        lexical: float32 `[items + 1, …]`, the words as vectors (`LexicalSpace`); None = not used.
        added: how many of the last rows came after training.
    """

    spec: ContentSpec
    table: np.ndarray
    category: np.ndarray
    lexical: np.ndarray | None = None
    added: int = 0

    @property
    def language(self) -> np.ndarray:
        """The language vectors, float32 `[items + 1, text_dim]`."""
        return self.table[:, : self.spec.text_dim]

    @property
    def vectors(self) -> np.ndarray:
        """The language vectors and the vector columns side by side, float32 `[items + 1, …]`."""
        return np.delete(self.table, slice(self.spec.text_dim, self.spec.vectors_from), axis=1)

    def ids_of(self, column: str | None) -> np.ndarray:
        """The ids of one column alone, in as few slots as hold them all, at least one."""
        own = np.array([False, *(token.startswith(f"{column}=") for token in self.spec.vocabulary)])
        ids = -np.sort(-np.where(own[self.category], self.category, 0), axis=1)
        return ids[:, : max(1, np.count_nonzero(ids.any(0)))]

    def extended(
        self, rows: pd.DataFrame, text_vectors: np.ndarray | None, lexical: np.ndarray | None = None
    ) -> ItemContent:
        """With `rows` that came after training below; category values that are new get ids behind the others.

        Args:
            rows: in the form of their roles.
            text_vectors, lexical: of these rows, float32 `[rows, …]`, where this content has them.
        """
        known = set(self.spec.vocabulary)
        unknown = sorted(_tokens(rows, self.spec.categorical) - known)
        spec = replace(self.spec, vocabulary=(*self.spec.vocabulary, *unknown))
        new = apply_spec(spec, rows, text_vectors)
        slots = max(self.category.shape[1], new.category.shape[1])
        categories = [
            np.pad(ids, ((0, 0), (0, slots - ids.shape[1]))) for ids in (self.category, new.category[1:])
        ]
        table = np.concatenate([self.table, new.table[1:]])
        words = None if self.lexical is None or lexical is None else np.concatenate([self.lexical, lexical])
        return ItemContent(spec, table, np.concatenate(categories), words, self.added + len(rows))


def with_words(content: ItemContent, space: LexicalSpace, texts: Sequence[str]) -> ItemContent:
    """The content of items, and the words of their texts."""
    vectors = space(texts)
    return replace(content, lexical=np.concatenate([np.zeros((1, vectors.shape[1]), np.float32), vectors]))


def learn_content(
    dataset: Dataset, text_vectors: np.ndarray | None, *, table: Literal["items", "users"] = "items"
) -> ItemContent:
    """Learns the spec from a table of a dataset and applies it; text_vectors float32 `[rows, text_dim]` or None."""
    return learn_columns(getattr(dataset, table), dataset.schema.table(table), text_vectors)


def learn_columns(
    rows: pd.DataFrame, roles: Mapping[str, Role], text_vectors: np.ndarray | None = None
) -> ItemContent:
    """Learns the spec from the columns that have a role and applies it."""
    spec = _learn_spec(rows, roles, 0 if text_vectors is None else text_vectors.shape[1])
    return apply_spec(spec, rows, text_vectors)


def apply_spec(spec: ContentSpec, rows: pd.DataFrame, text_vectors: np.ndarray | None) -> ItemContent:
    """The content of `rows` (one each) under a spec learned before."""
    blocks: list[np.ndarray] = [] if text_vectors is None else [text_vectors]
    for column, (mean, deviation) in spec.numbers.items():
        values = rows[column].to_numpy(np.float64)
        known = ~np.isnan(values)
        blocks += [np.where(known, (values - mean) / deviation, 0.0)[:, None], known[:, None]]
    vectors = [np.stack(rows[column].to_list()) / length for column, (_, length) in spec.vectors.items()]
    blocks += [np.any(vector, 1, keepdims=True) for vector in vectors]
    blocks += vectors
    table = np.concatenate(blocks, 1) if blocks else np.zeros((len(rows), 0))
    empty_row = np.zeros((1, table.shape[1]))
    return ItemContent(spec, np.concatenate([empty_row, table]).astype(np.float32), _category_ids(spec, rows))


def _learn_spec(rows: pd.DataFrame, roles: Mapping[str, Role], text_dim: int) -> ContentSpec:
    def columns(wanted: Role) -> list[str]:
        return [column for column, role in roles.items() if role == wanted]

    numbers = {}
    for column in columns(Role.NUMBER):
        values = rows[column].to_numpy(np.float64)
        known = values[~np.isnan(values)]
        numbers[column] = (float(known.mean()), float(known.std()) or 1.0) if len(known) else (0.0, 1.0)
    vectors = {column: _vector_sizes(np.stack(rows[column].to_list())) for column in columns(Role.VECTOR)}
    categorical = (*columns(Role.CATEGORY), *columns(Role.CATEGORICAL))
    return ContentSpec(text_dim, numbers, vectors, categorical, tuple(sorted(_tokens(rows, categorical))))


def _vector_sizes(vectors: np.ndarray) -> tuple[int, float]:
    """Width and root mean square length of the known ones of vectors `[rows, width]`."""
    known = vectors[vectors.any(1)].astype(np.float64)
    length = float(np.sqrt(np.square(known).sum(1).mean())) if len(known) else 1.0
    return vectors.shape[1], length


def _tokens(rows: pd.DataFrame, categorical: tuple[str, ...]) -> set[str]:
    return {
        f"{column}={value}"
        for column in categorical
        for values in rows[column].unique()
        for value in _values(values)
    }


def _category_ids(spec: ContentSpec, items: pd.DataFrame) -> np.ndarray:
    ids = {token: place + 1 for place, token in enumerate(spec.vocabulary)}
    rows = [
        [
            ids[token]
            for column, values in zip(spec.categorical, row, strict=True)
            for value in _values(values)
            if (token := f"{column}={value}") in ids
        ][:SLOTS]
        for row in zip(*(items[column] for column in spec.categorical), strict=True)
    ] or [[]] * len(items)
    table = np.zeros((len(items) + 1, max(1, *map(len, rows))), np.int32)
    for place, row in enumerate(rows):
        table[place + 1, : len(row)] = row
    return table


def _values(values: str) -> list[str]:
    return [value.strip() for value in values.split(MULTI_VALUE) if value.strip()]
