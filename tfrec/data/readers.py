"""Opens the files of a dataset folder: `interactions`, `items`, and perhaps `users`, as csv or parquet.

Both formats pass through Arrow, so that ids become strings without a detour over floats (12 stays "12" beside missing
values, 0012 keeps its zeros). What the values are worth is decided later: `cleaning` for rows, `inference` for columns.
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


def read_table(folder: Path, name: str) -> pd.DataFrame:
    """Reads `name`.csv or `name`.parquet of `folder`.

    Ids are strings (missing ones stay missing), csv columns whose every value is a number are float64, lists of strings
    or integers are "a|b" strings, lists of floats stay arrays.

    Raises:
        DatasetError: no file or two, not readable, no rows, a required column is missing.
    """
    path = find_table(folder, name)
    if path is None:
        raise DatasetError(f"{folder}: no {name}.parquet and no {name}.csv. Put one of them there.")
    table = _arrow_table(path)
    check_columns(path.name, table.column_names, REQUIRED[name])
    if table.num_rows == 0:
        raise DatasetError(f"{path}: the file has a header but no rows. Fill it{' or delete it' * (name == 'users')}.")
    return table.to_pandas(ignore_metadata=True)


def find_table(folder: Path, name: str) -> Path | None:
    """The file of this table, or None."""
    found = [path for path in (folder / f"{name}.parquet", folder / f"{name}.csv") if path.is_file()]
    if len(found) == 2:
        raise DatasetError(f"{folder}: both {name}.parquet and {name}.csv are there. Keep the one that is meant.")
    return found[0] if found else None


def check_columns(file: str, columns: list[str], required: tuple[str, ...]) -> None:
    """Raises DatasetError when a required column is missing, or any stands twice."""
    missing = [column for column in required if column not in columns]
    if missing:
        one = columns[0] if len(columns) == 1 else ""
        hint = "Separate the columns by commas." if re.search(r"[;\t]", one) else "Rename or add it."
        raise DatasetError(f"{file}: the column {missing[0]!r} is missing. Found: {', '.join(columns)}. {hint}")
    twice = {column for column in columns if columns.count(column) > 1}
    if twice:
        raise DatasetError(f"{file}: the column {min(twice)!r} stands there twice. Keep one.")


def _arrow_table(path: Path) -> pa.Table:
    is_csv = path.suffix == ".csv"
    try:
        table = _read_csv(path) if is_csv else pa.parquet.read_table(path)
    except (pa.ArrowException, OSError) as error:
        if path.stat().st_size == 0 or "Empty CSV" in str(error):
            raise DatasetError(f"{path}: the file is empty. Write a header line and rows.") from error
        advice = "Save it as UTF-8 with commas, and quote values that hold commas." if is_csv else "Write it again."
        raise DatasetError(f"{path}: not readable as {path.suffix[1:]} ({_first_line(error)}). {advice}") from error
    plain = {
        name: _as_id(column) if name in IDS else (_csv_value if is_csv else _parquet_value)(column)
        for name, column in zip(table.column_names, table.columns, strict=True)
        if not re.fullmatch(r"__index_level_\d+__", name)  # a pandas index that was saved along
    }
    if len(plain) < len(set(table.column_names)) - 1 or len(set(table.column_names)) < len(table.column_names):
        check_columns(path.name, table.column_names, ())
    return pa.table(plain)


def _read_csv(path: Path) -> pa.Table:
    """All columns as strings: Arrow would guess types from the first block and fail on a later one."""
    parse = pa.csv.ParseOptions(newlines_in_values=True)
    with pa.csv.open_csv(path, parse_options=parse) as head:
        names = head.schema.names
    convert = pa.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False)
    return pa.csv.read_csv(path, parse_options=parse, convert_options=convert)


def _as_id(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    try:
        return column.cast(pa.string())
    except pa.ArrowException:
        return _through_python(column, str)


def _csv_value(column: pa.ChunkedArray) -> pa.ChunkedArray:
    trimmed = pc.utf8_trim_whitespace(column)
    known = pc.if_else(pc.is_in(trimmed, value_set=MISSING), pa.scalar(None, pa.string()), trimmed)
    try:
        return known.cast(pa.float64())
    except pa.ArrowException:
        return known


def _parquet_value(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column in one of the few types that the rest of the data layer knows."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if pa.types.is_boolean(kind):
        return column.cast(pa.string())
    if pa.types.is_date(kind):
        return column.cast(pa.timestamp("s"))
    if pa.types.is_decimal(kind):
        return column.cast(pa.float64())
    if _is_list(kind) and not pa.types.is_floating(kind.value_type):
        return _through_python(column, _joined)
    return column


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


def _joined(values: list[object]) -> str:
    return "|".join(str(value).replace("|", "/") for value in values if value is not None)


def _through_python(column: pa.ChunkedArray, spell: Callable[..., str]) -> pa.ChunkedArray:
    return pa.chunked_array([[None if value is None else spell(value) for value in column.to_pylist()]], pa.string())


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0][:200]
