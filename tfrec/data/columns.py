"""Brings a column into the one form that its role promises to every later stage."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd

from tfrec.data.cleaning import CleaningReport, report_of, seconds
from tfrec.data.errors import DatasetError
from tfrec.data.item_text import MULTI_VALUE
from tfrec.schema import Role

STRINGS = (Role.TEXT, Role.CATEGORY, Role.CATEGORICAL)


def as_role(
    values: pd.Series, role: Role, table: str, *, width: int | None = None
) -> tuple[pd.Series, CleaningReport]:
    """The column in the form of its role, and what was odd about it.

    Text and categories are strings ("" where missing), numbers float64 (NaN; times as unix seconds), vectors
    float32 arrays (zeros); columns with another role are returned as they are.

    Args:
        values: the column, with the ids of its rows as index.
        role: what it is to be.
        table: for messages.
        width: of vectors; None = that of the first one.

    Raises:
        DatasetError: vectors under another role, or a vector with NaN or of another width, with the row number
            and id.
    """
    where = f"{table}.{values.name}"
    if role in (*STRINGS, Role.NUMBER) and _holds_arrays(values):
        raise DatasetError(
            f"{where}: lists of numbers cannot be {role}. Give the column the role 'vector' or 'ignore'."
        )
    if role in STRINGS:
        return _strings(values), CleaningReport()
    if role == Role.NUMBER:
        return _numbers(values, where)
    if role == Role.VECTOR:
        return _vectors(values, where, width)
    return values, CleaningReport()


def _strings(values: pd.Series) -> pd.Series:
    """Whole floats lose their ".0": they were integers beside a missing value."""
    if pd.api.types.is_float_dtype(values):
        values = values.astype(object).where(values.isna(), values.map("{:.15g}".format))
    return values.astype(object).where(values.notna(), "").astype(str)


def _numbers(values: pd.Series, where: str) -> tuple[pd.Series, CleaningReport]:
    numbers = pd.Series(seconds(values), values.index, name=values.name)
    filled = values.notna() & (values.astype(str).str.strip() != "")
    return numbers, report_of((f"{where}: not a number", (filled & numbers.isna()).sum(), "taken as missing"))


def _vectors(values: pd.Series, where: str, width: int | None) -> tuple[pd.Series, CleaningReport]:
    """Row numbers in messages count from 1, without the rows that cleaning dropped."""
    rows = [f"{where}, row {row} ({id_!r})" for row, id_ in enumerate(values.index, start=1)]
    vectors = [_vector(value, row) for value, row in zip(values, rows, strict=True)]
    width = width or next((len(vector) for vector in vectors if vector is not None), None)
    if width is None:
        raise DatasetError(
            f"{where}: no row holds a vector. Give the column the role 'ignore' in schema.yaml."
        )
    for row, vector in zip(rows, vectors, strict=True):
        if vector is not None and len(vector) != width:
            raise DatasetError(f"{row}: expected a vector of {width} numbers. Received: {len(vector)}.")
    missing = sum(vector is None for vector in vectors)
    filled = [np.zeros(width, np.float32) if vector is None else vector for vector in vectors]
    found = report_of((f"{where}: no vector", missing, "taken as zeros"))
    return pd.Series(filled, values.index, name=values.name, dtype=object), found


def _vector(value: object, where: str) -> np.ndarray | None:
    """One row's vector: an array, a list, a JSON list from a csv, or "1|2" (what a list of integers is read as); None
    where there is none."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return None
    try:
        vector = np.asarray(_listed(value) if isinstance(value, str) else value, np.float32)
    except (ValueError, TypeError) as error:
        raise DatasetError(f"{where}: expected a list of numbers. Received: {str(value)[:60]!r}.") from error
    if vector.ndim != 1 or not vector.size or not np.isfinite(vector).all():
        raise DatasetError(f"{where}: expected a list of finite numbers. Received: {str(value)[:60]!r}.")
    return vector


def _listed(value: str) -> list[Any]:
    listed: list[Any] = json.loads(value) if value.lstrip().startswith("[") else value.split(MULTI_VALUE)
    return listed


def _holds_arrays(values: pd.Series) -> bool:
    filled = values.dropna()
    return len(filled) > 0 and isinstance(filled.iloc[0], np.ndarray)
