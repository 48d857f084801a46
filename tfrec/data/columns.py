"""Brings a column into the one form that its role promises to every later stage."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from tfrec.data.cleaning import CleaningReport, report_of, seconds
from tfrec.data.errors import DatasetError
from tfrec.schema import Role

STRINGS = (Role.TEXT, Role.CATEGORY, Role.CATEGORICAL)


def as_role(values: pd.Series, role: Role, table: str) -> tuple[pd.Series, CleaningReport]:
    """Strings ("" where missing) for text and categories, float64 (NaN) for numbers, float32 arrays (zeros) for vectors.

    Columns with another role are returned as they are.

    Raises:
        DatasetError: a vector with NaN or of another length than the first, with the row number.
    """
    where = f"{table}.{values.name}"
    if role in STRINGS:
        return _strings(values), CleaningReport()
    if role == Role.NUMBER:
        numbers = _numbers(values)
        bad = numbers.isna().to_numpy() & _is_filled(values)
        return numbers, report_of((f"{where}: not a number", bad.sum(), "taken as missing"))
    if role == Role.VECTOR:
        return _vectors(values, where)
    return values, CleaningReport()


def _strings(values: pd.Series) -> pd.Series:
    if pd.api.types.is_float_dtype(values):
        whole = values.map(lambda number: "" if number != number else f"{number:.15g}")
        return whole.astype(str)
    return values.astype(object).where(values.notna(), "").astype(str)


def _numbers(values: pd.Series) -> pd.Series:
    if pd.api.types.is_datetime64_any_dtype(values):
        return pd.Series(seconds(values), name=values.name)
    numbers = pd.to_numeric(values, errors="coerce").astype(np.float64)
    return numbers.where(np.isfinite(numbers))


def _is_filled(values: pd.Series) -> np.ndarray:
    return values.notna().to_numpy() & (values.astype(str).str.strip() != "").to_numpy()


def _vectors(values: pd.Series, where: str) -> tuple[pd.Series, CleaningReport]:
    """Row numbers in messages count the rows of the table from 1."""
    vectors = [_vector(value, f"{where}, row {row}") for row, value in enumerate(values, start=1)]
    width = next((len(vector) for vector in vectors if vector is not None), None)
    if width is None:
        raise DatasetError(f"{where}: no row holds a vector. Give the column the role 'ignore' in schema.yaml.")
    for row, vector in enumerate(vectors, start=1):
        if vector is not None and len(vector) != width:
            raise DatasetError(f"{where}, row {row}: expected a vector of {width} numbers. Received: {len(vector)}.")
    missing = sum(vector is None for vector in vectors)
    filled = [np.zeros(width, np.float32) if vector is None else vector for vector in vectors]
    return (
        pd.Series(filled, name=values.name, dtype=object),
        report_of((f"{where}: no vector", missing, "taken as zeros")),
    )


def _vector(value: object, where: str) -> np.ndarray | None:
    if value is None or (isinstance(value, float) and np.isnan(value)) or value == "" if not isinstance(value, np.ndarray) else False:
        return None
    try:
        vector = np.asarray(json.loads(value) if isinstance(value, str) else value, np.float32)
    except (ValueError, TypeError) as error:
        raise DatasetError(f"{where}: expected a list of numbers. Received: {str(value)[:60]!r}.") from error
    if vector.ndim != 1 or not np.isfinite(vector).all():
        raise DatasetError(f"{where}: expected a flat list of finite numbers. Received: {str(value)[:60]!r}.")
    return vector
