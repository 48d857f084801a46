"""A table as tf.Example records, and back: one record a row, one feature a column.

A missing value is a feature without values, as in TFX. Whole numbers are int64 and other numbers float32, because
tf.Example has no wider float; columns where that would not do (times, which decide order) are written as decimals.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec.data.cleaning import seconds

GZIP = "GZIP"
_WHOLE = 2.0**53  # beyond it float64 itself skips integers
_BATCH = 4096


class Kind(StrEnum):
    """How a column is written."""

    TEXT = "text"
    INTEGER = "integer"
    FLOAT = "float"
    DECIMAL = "decimal"  # a float64 as its shortest text
    VECTOR = "vector"  # float32 numbers


def kind_of(values: pd.Series, *, exact: bool = False) -> Kind:
    """The kind of a column; `exact` numbers are never rounded to float32."""
    if _is_vector(values):
        return Kind.VECTOR
    if not _is_number(values):
        return Kind.TEXT
    numbers = seconds(values)
    known = numbers[~np.isnan(numbers)]
    if np.all((known == np.floor(known)) & (np.abs(known) < _WHOLE)):
        return Kind.INTEGER
    return Kind.DECIMAL if exact else Kind.FLOAT


def write_table(table: pd.DataFrame, kinds: Mapping[str, Kind], path: Path) -> None:
    """Writes one gzipped TFRecord file.

    Args:
        table: rows in the order that matters.
        kinds: column → kind, as `kind_of` gives.
        path: of the file; its folder is made if need be.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path), GZIP) as writer:
        for record in encode(table, kinds):
            writer.write(record)


def encode(table: pd.DataFrame, kinds: Mapping[str, Kind]) -> Iterable[bytes]:
    """Serialised tf.Examples of the rows."""
    columns = [_features(table[column], kind) for column, kind in kinds.items()]
    for features in zip(*columns, strict=True):
        named = dict(zip(kinds, features, strict=True))
        yield tf.train.Example(features=tf.train.Features(feature=named)).SerializeToString()


def read_table(paths: Sequence[Path], kinds: Mapping[str, Kind]) -> pd.DataFrame:
    """The rows of some files, one file after the other, with the columns of `kinds`."""
    records = tf.data.TFRecordDataset([str(path) for path in paths], GZIP).batch(_BATCH)
    features = {column: tf.io.RaggedFeature(_READ[kind]) for column, kind in kinds.items()}
    parts = [_frame(tf.io.parse_example(batch, features), kinds) for batch in records]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({column: [] for column in kinds})


_READ = {
    Kind.TEXT: tf.string,
    Kind.INTEGER: tf.int64,
    Kind.FLOAT: tf.float32,
    Kind.DECIMAL: tf.string,
    Kind.VECTOR: tf.float32,
}


def _features(values: pd.Series, kind: Kind) -> list[Any]:
    if kind == Kind.VECTOR:
        return [_floats(vector if isinstance(vector, np.ndarray) else []) for vector in values]
    if kind == Kind.TEXT:
        return [_texts([] if pd.isna(value) else [str(value)]) for value in values.astype(object)]
    numbers = seconds(values)
    write, cast = _WRITE[kind]
    return [write([] if np.isnan(number) else [cast(number)]) for number in numbers]


def _texts(values: list[str]) -> Any:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode() for value in values]))


def _floats(values: Iterable[float]) -> Any:
    return tf.train.Feature(float_list=tf.train.FloatList(value=values))


def _integers(values: list[int]) -> Any:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


_WRITE: Mapping[Kind, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    Kind.INTEGER: (_integers, int),
    Kind.FLOAT: (_floats, float),
    Kind.DECIMAL: (_texts, lambda number: repr(float(number))),
}


def _frame(parsed: Mapping[str, tf.RaggedTensor], kinds: Mapping[str, Kind]) -> pd.DataFrame:
    return pd.DataFrame({column: _values(parsed[column], kind) for column, kind in kinds.items()})


def _values(column: tf.RaggedTensor, kind: Kind) -> Any:
    flat, lengths = column.flat_values.numpy(), column.row_lengths().numpy()
    if kind == Kind.VECTOR:
        return pd.Series(np.split(flat, np.cumsum(lengths)[:-1]), dtype=object)
    if kind == Kind.TEXT:
        texts = _spread([value.decode() for value in flat], lengths, np.full(len(lengths), None, object))
        return pd.Series(texts, dtype="str")
    return _spread(flat.astype(np.float64), lengths, np.full(len(lengths), np.nan))


def _spread(flat: Any, lengths: np.ndarray, missing: np.ndarray) -> np.ndarray:
    missing[lengths > 0] = flat
    return missing


def _is_vector(values: pd.Series) -> bool:
    known = values.dropna() if values.dtype == object else values[:0]
    return len(known) > 0 and isinstance(known.iloc[0], np.ndarray)


def _is_number(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) or pd.api.types.is_datetime64_any_dtype(values)
