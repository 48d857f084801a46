"""Opens the files of a dataset folder: `interactions`, `items`, and perhaps `users`, as csv or parquet.

Both formats pass through Arrow, so that ids become strings without a detour over floats (12 stays "12" beside
missing values, 0012 keeps its zeros). What the values are worth is decided later: `cleaning` for rows,
`inference` for columns.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from tfrec.data.errors import DatasetError

IDS = ("user_id", "item_id")
REQUIRED = {"interactions": ("user_id", "item_id", "timestamp"), "items": ("item_id",), "users": ("user_id",)}
MISSING = pa.array(["", "nan", "NaN"])
SAVED_INDEX = re.compile(r"__index_level_\d+__")  # what pandas adds to a parquet file for an index


def read_table(folder: Path, name: str) -> pd.DataFrame:
    """Reads `name`.csv or `name`.parquet of `folder` into the form of `plain_table`.

    Raises:
        DatasetError: no file or two, not readable, no rows, a required column is missing.
    """
    path = find_table(folder, name)
    if path is None:
        raise DatasetError(f"{folder}: no {name}.parquet and no {name}.csv. Put one of them there.")
    return read_file(path, name)


def read_file(path: Path, name: str) -> pd.DataFrame:
    """Reads a .csv or .parquet file as the table `name`; errors as in `read_table`."""
    if path.suffix not in (".csv", ".parquet") or not path.is_file():
        raise DatasetError(f"{path}: no such file that ends in .parquet or .csv.")
    try:
        return plain_table(_read_csv(path) if path.suffix == ".csv" else _read_parquet(path), name)
    except DatasetError as error:
        raise DatasetError(f"{path}: {error}") from error
    except (pa.ArrowException, OSError) as error:
        raise DatasetError(f"{path}: {_unreadable(path, error)}") from error


def find_table(folder: Path, name: str) -> Path | None:
    """The file of this table, or None."""
    found = [path for path in (folder / f"{name}.parquet", folder / f"{name}.csv") if path.is_file()]
    if len(found) == 2:
        raise DatasetError(f"{folder}: both {name}.parquet and {name}.csv are there. Keep one of them.")
    return found[0] if found else None


def plain_table(table: pa.Table, name: str) -> pd.DataFrame:
    """The Arrow table `name` as a frame of few types.

    Ids are strings (missing ones stay missing), lists of strings or integers are "a|b" strings, lists of
    floats stay arrays, truth values are "true" and "false"; all else is a number, a time or a string.
    """
    table = table.drop_columns([column for column in table.column_names if SAVED_INDEX.fullmatch(column)])
    check_columns(table.column_names, REQUIRED[name])
    if table.num_rows == 0:
        advice = "Fill it or leave it out." if name == "users" else "Fill it."
        raise DatasetError(f"the table {name} has columns but no rows. {advice}")
    plain = {name: (_as_id if name in IDS else _plain_value)(table[name]) for name in table.column_names}
    return pa.table(plain).to_pandas(ignore_metadata=True)


def check_columns(columns: list[str], required: tuple[str, ...]) -> None:
    """Raises DatasetError when a required column is missing, or any stands twice."""
    missing = [column for column in required if column not in columns]
    if missing:
        joined = len(columns) == 1 and re.search(r"[;\t]", columns[0])
        advice = "Separate the columns by commas." if joined else "Rename or add it."
        raise DatasetError(f"the column {missing[0]!r} is missing. Found: {', '.join(columns)}. {advice}")
    twice = [column for column in columns if columns.count(column) > 1]
    if twice:
        raise DatasetError(f"the column {twice[0]!r} stands there twice. Keep one.")


def _read_csv(path: Path) -> pa.Table:
    """Reads strings, then finds numbers: Arrow would guess from the first block and fail on a later one."""
    read = pa.csv.ReadOptions(block_size=1 << 24)  # the longest row that can be read
    parse = pa.csv.ParseOptions(newlines_in_values=True)
    with pa.csv.open_csv(path, read, parse) as head:
        types = dict.fromkeys(head.schema.names, pa.string())
    table = pa.csv.read_csv(path, read, parse, pa.csv.ConvertOptions(column_types=types))
    names = [name.strip() for name in table.column_names]
    pairs = zip(names, table.columns, strict=True)
    columns = [column if name in IDS else _number_or_text(column) for name, column in pairs]
    return pa.Table.from_arrays(columns, names=names)


def _read_parquet(path: Path) -> pa.Table:
    table = pa.parquet.read_table(path)
    table.validate(full=True)  # else broken UTF-8 surfaces later, far from the file
    return table


def _unreadable(path: Path, error: Exception) -> str:
    if path.stat().st_size == 0 or "Empty CSV" in str(error):
        return "the file is empty. Write a header line and rows."
    csv_advice = "Save it as UTF-8 with commas, and quote values that hold commas or quotes."
    advice = csv_advice if path.suffix == ".csv" else "Write the file again."
    return f"not readable as {path.suffix[1:]} ({str(error).splitlines()[0][:200]}). {advice}"


def _as_id(column: pa.ChunkedArray) -> pa.ChunkedArray:
    column = _decoded(column)
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    try:
        return column.cast(pa.string())
    except pa.ArrowException:
        return _spelled(column, str)


def _number_or_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    trimmed = pc.utf8_trim_whitespace(column)
    known = pc.if_else(pc.is_in(trimmed, value_set=MISSING), pa.scalar(None, pa.string()), trimmed)
    try:
        return known.cast(pa.float64())
    except pa.ArrowException:
        return known


def _plain_value(column: pa.ChunkedArray) -> pa.ChunkedArray:
    column = _decoded(column)
    kind = column.type
    if pa.types.is_boolean(kind):
        return column.cast(pa.string())
    if pa.types.is_date(kind):
        return column.cast(pa.timestamp("s"))
    if pa.types.is_decimal(kind):
        return column.cast(pa.float64())
    if _is_list(kind) and not pa.types.is_floating(kind.value_type):
        return _spelled(column, _joined)
    return column


def _decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _is_list(kind: pa.DataType) -> bool:
    return isinstance(kind, (pa.ListType, pa.LargeListType, pa.FixedSizeListType))


def _joined(values: list[object]) -> str:
    return "|".join(str(value).replace("|", "/") for value in values if value is not None)


def _spelled(column: pa.ChunkedArray, spell: Callable[..., str]) -> pa.ChunkedArray:
    """The column as strings, value by value: for the few types that Arrow cannot cast."""
    values = [None if value is None else spell(value) for value in column.to_pylist()]
    return pa.chunked_array([values], pa.string())
