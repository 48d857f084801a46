"""Takes out what cannot be used, row by row, and counts all that is unusual: nothing disappears in silence.

Works on the tables as read; `dataset` puts the cleaned tables together and shows the `CleaningReport`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import SupportsInt

import numpy as np
import pandas as pd

from tfrec.data.errors import DatasetError


@dataclass(frozen=True)
class Finding:
    """One kind of unusual row: how many there are, and what became of them."""

    kind: str
    count: int
    outcome: str


@dataclass(frozen=True)
class CleaningReport:
    """What was found while the tables were cleaned.

    Args:
        findings: the kinds that were found at least once, in order of discovery.
    """

    findings: tuple[Finding, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Kind → rows, without the kinds that were not met."""
        return {finding.kind: finding.count for finding in self.findings}

    def __add__(self, other: CleaningReport) -> CleaningReport:
        return CleaningReport(self.findings + other.findings)

    def __str__(self) -> str:
        if not self.findings:
            return "nothing to report: every row is usable"
        return "\n".join(f"{found.count:>9,}  {found.kind}: {found.outcome}" for found in self.findings)


def report_of(*findings: tuple[str, SupportsInt, str]) -> CleaningReport:
    """A report of the findings whose count is not 0."""
    met = (Finding(kind, int(count), outcome) for kind, count, outcome in findings)
    return CleaningReport(tuple(finding for finding in met if finding.count))


def such_as(outcome: str, values: pd.Series) -> str:
    """The outcome with up to three of the values concerned."""
    shown = [str(value)[:40] for value in values.drop_duplicates().head(3)]
    return f"{outcome} (such as {', '.join(map(repr, shown))})"


def clean_interactions(rows: pd.DataFrame) -> tuple[pd.DataFrame, CleaningReport]:
    """Usable interactions in stable time order, `timestamp` as float64 (unix seconds or an order number).

    Raises:
        DatasetError: when no row is usable.
    """
    no_user, no_item = is_empty(rows["user_id"]), is_empty(rows["item_id"])
    time = seconds(rows["timestamp"])
    no_time = np.isnan(time) & ~no_user & ~no_item
    usable = ~(no_user | no_item | no_time)
    wrong_times = such_as("dropped", rows["timestamp"][no_time])
    found = report_of(
        ("interactions with an empty user_id", no_user.sum(), "dropped"),
        ("interactions with an empty item_id", (no_item & ~no_user).sum(), "dropped"),
        ("interactions with an unparsable timestamp", no_time.sum(), wrong_times),
    )
    if not usable.any():
        raise DatasetError(f"interactions: none of the {len(rows)} rows is usable. Repair them.\n{found}")
    order = np.flatnonzero(usable)[np.argsort(time[usable], kind="stable")]
    rows = rows.assign(timestamp=time).iloc[order].reset_index(drop=True)
    return rows, found + _repetitions(rows)


def clean_entities(rows: pd.DataFrame, key: str) -> tuple[pd.DataFrame, CleaningReport]:
    """Items or users with one row for each `key`: the first.

    Raises:
        DatasetError: when no row has an id.
    """
    table = key.removesuffix("_id") + "s"
    empty = is_empty(rows[key])
    if empty.all():
        raise DatasetError(f"{table}: the column {key!r} is empty in all {len(rows)} rows. Fill it.")
    rows = rows[~empty]
    again = rows[key].duplicated().to_numpy()
    found = report_of(
        (f"{table} with an empty {key}", empty.sum(), "dropped"),
        (f"duplicate {table}", again.sum(), such_as("dropped, the first row stays", rows[key][again])),
    )
    return rows[~again].reset_index(drop=True), found


def is_empty(ids: pd.Series) -> np.ndarray:
    """Ids that are missing or nothing but white space, bool `[rows]`. All other ids are taken as they are."""
    return np.asarray(ids.isna() | (ids.str.strip() == ""), bool)


def seconds(times: pd.Series) -> np.ndarray:
    """Unix seconds or order numbers as float64, NaN where unparsable; strings: numbers or ISO 8601 (UTC)."""
    if pd.api.types.is_datetime64_any_dtype(times):
        return _since_epoch(pd.to_datetime(times, utc=True))
    time = pd.to_numeric(times, errors="coerce").to_numpy(np.float64, na_value=np.nan, copy=True)
    if not pd.api.types.is_numeric_dtype(times):
        words = np.isnan(time) & times.notna().to_numpy()
        dates = pd.to_datetime(times[words].astype(str), format="ISO8601", utc=True, errors="coerce")
        time[words] = _since_epoch(dates)
    return np.where(np.isfinite(time), time, np.nan)


def _since_epoch(times: pd.Series) -> np.ndarray:
    return np.asarray((times - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1), np.float64)


def _repetitions(rows: pd.DataFrame) -> CleaningReport:
    """Counts rows that repeat a user's earlier interaction with the same item; they stay in the table."""
    coded = pd.DataFrame({key: pd.factorize(rows[key])[0] for key in ("user_id", "item_id", "timestamp")})
    repeated = coded[["user_id", "item_id"]].duplicated().to_numpy()
    same_time = coded.duplicated().to_numpy()
    outcome = "stay in the table, but only a user's first with an item counts, unless repeats are kept"
    return report_of(
        ("duplicate interactions (same user, item and timestamp)", same_time.sum(), outcome),
        ("repeated interactions (same user and item, later)", (repeated & ~same_time).sum(), outcome),
    )
