"""A dataset in memory: cleaned tables in catalogue order, what their columns mean, and what cleaning found.

`load_dataset` reads a folder or a bundled dataset, `make_dataset` takes tables that are in memory already.
Both end in the same `Dataset`, from which `histories` and the text encoder start.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from tfrec.data.cleaning import CleaningReport, clean_entities, clean_interactions, report_of, such_as
from tfrec.data.columns import STRINGS, as_role
from tfrec.data.errors import DatasetError
from tfrec.data.inference import KEYS, infer_schema
from tfrec.data.item_text import clean_text, item_text, text_columns
from tfrec.data.readers import IDS, find_table, plain_table, read_table
from tfrec.schema import Role, Schema, SchemaError, read_roles

__all__ = ["Dataset", "DatasetError", "load_dataset", "make_dataset"]

BUILT_IN = {"movielens": Path(__file__).parent / "movielens"}
TITLES = ("title", "name", "headline")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Interactions, items and users, ready to learn from.

    Args:
        name: the folder's name, for reports.
        interactions: in stable time order: `user_id` (str), `item_id` (str), `timestamp` (float64), further
            columns.
        items: one row for each catalogue item in catalogue order (the items file, then ids that only
            interactions know, by first appearance): `item_id`, then the columns, in the form that `as_role`
            gives.
        users: one row for each of `user_ids`, in that order: `user_id`, then the columns, likewise. Some may have
            no interaction.
        schema: the role of each column.
        report: what cleaning found.
        inferred: "table.column" → why it has its role.
    """

    name: str
    interactions: pd.DataFrame
    items: pd.DataFrame
    users: pd.DataFrame
    schema: Schema
    report: CleaningReport
    inferred: dict[str, str]

    @cached_property
    def item_ids(self) -> np.ndarray:
        """The catalogue, str objects `[items]`."""
        return np.asarray(self.items["item_id"], object)

    @cached_property
    def user_ids(self) -> np.ndarray:
        """The users by first appearance in time, then those without an interaction, str objects `[users]`."""
        return np.asarray(self.users["user_id"], object)

    def item_texts(self) -> list[str]:
        """One cleaned text for each item, in catalogue order; "" where an item has no words."""
        return self._texts

    def user_texts(self) -> list[str] | None:
        """One cleaned text for each user, "" where there is none; None when no column of the users is text."""
        if not self.schema.columns("users", Role.TEXT):
            return None
        return texts_of(self.users, self.schema.users)

    def item_titles(self) -> list[str]:
        """A short name for each item: its title, else the first words that it has, else its id."""
        readable = [column for column in self.items if self.schema.items.get(column) in STRINGS]
        for column in [name for name in TITLES if name in readable] + self.schema.columns("items", Role.TEXT):
            titles = map(clean_text, self.items[column].astype(object))
            return [title or item_id for title, item_id in zip(titles, self.item_ids, strict=True)]
        return list(self.item_ids)

    def item_vectors(self, column: str) -> np.ndarray:
        """A vector column as float32 `[items, width]`."""
        columns = self.schema.columns("items", Role.VECTOR)
        if column not in columns:
            raise DatasetError(f"`column` must be one of {columns}. Received: {column!r}")
        return np.stack(self.items[column].to_list())

    def coded_interactions(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Users (int32), item positions (int32) and times (float64), each `[interactions]`, in time order."""
        rows = self.interactions
        user = pd.Index(self.user_ids).get_indexer(rows["user_id"].astype(object)).astype(np.int32)
        item = pd.Index(self.item_ids).get_indexer(rows["item_id"].astype(object)).astype(np.int32)
        return user, item, np.asarray(rows["timestamp"], np.float64)

    def fingerprint(self) -> str:
        """SHA-256 of all values and roles: equal data gives an equal fingerprint, wherever it lies."""
        digest = hashlib.sha256(self.schema.to_yaml().encode())
        for table in (self.interactions, self.items, self.users):
            for column in table:
                digest.update(f"\0{column}\0{len(table)}\0".encode())
                digest.update(_content(table[column]))
        return digest.hexdigest()

    @cached_property
    def _texts(self) -> list[str]:
        return texts_of(self.items, self.schema.items)


def load_dataset(source: str | Path) -> Dataset:
    """Reads a dataset folder, or the built-in "movielens".

    The folder holds `interactions` and `items` (.parquet or .csv), perhaps `users`, perhaps `schema.yaml`.

    Raises:
        DatasetError: the folder cannot be a dataset; the message names file, column, and what to do.
    """
    folder = BUILT_IN.get(str(source), Path(source))
    if not folder.is_dir():
        raise DatasetError(f"{source}: no such folder. Give a dataset folder, or one of: {[*BUILT_IN]}.")
    names = ["interactions", "items"] + ["users"] * (find_table(folder, "users") is not None)
    tables = {name: read_table(folder, name) for name in names}
    known = {column for table in tables.values() for column in table} - {*KEYS}
    roles = _given_roles(folder / "schema.yaml", known)
    try:
        return _assembled(tables, folder.resolve().name, roles)
    except (DatasetError, SchemaError) as error:
        raise DatasetError(f"{folder}: {error}") from error


def make_dataset(
    interactions: pd.DataFrame,
    items: pd.DataFrame,
    users: pd.DataFrame | None = None,
    *,
    name: str = "tables",
    roles: Mapping[str, Role] | None = None,
) -> Dataset:
    """Makes a dataset of tables in memory, with the columns that the tables of a folder have.

    Args:
        roles: column → role, where the guess is to be overridden; what schema.yaml is to a folder.

    Raises:
        DatasetError: the tables cannot be a dataset.
    """
    given = {"interactions": interactions, "items": items} | ({} if users is None else {"users": users})
    tables = {key: _plain_frame(table, key) for key, table in given.items()}
    return _assembled(tables, name, roles or {})


def _assembled(tables: dict[str, pd.DataFrame], name: str, roles: Mapping[str, Role]) -> Dataset:
    """Cleans plain tables and puts them into catalogue order."""
    interactions, found = clean_interactions(tables["interactions"])
    items, found_items = _catalogue(tables["items"], interactions["item_id"].drop_duplicates())
    users, found_users = _everybody(tables.get("users"), interactions["user_id"].drop_duplicates())
    schema, reasons = infer_schema(items, users, interactions, given=roles)
    items, found_values = _in_roles(items, schema, "items")
    users, found_profiles = _in_roles(users, schema, "users")
    silent = sum(not text for text in texts_of(items, schema.items))
    found_silent = report_of(("items without any text", silent, "kept, known by behaviour only"))
    report = found + found_items + found_users + found_values + found_profiles + found_silent
    return Dataset(name, interactions, items, users, schema, report, reasons)


def _given_roles(path: Path, known: set[str]) -> dict[str, Role]:
    if not path.is_file():
        return {}
    try:
        return read_roles(path.read_text("utf-8"), known=known)
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: not readable as UTF-8. Save it as UTF-8.") from error
    except (SchemaError, OSError) as error:
        raise DatasetError(f"{path}: {error}") from error


def _plain_frame(table: pd.DataFrame, name: str) -> pd.DataFrame:
    mixed = [column for column in IDS if column in table and table[column].dtype == object]
    table = table.assign(**{column: table[column].map(str, na_action="ignore") for column in mixed})
    try:
        return plain_table(pa.Table.from_pandas(table, preserve_index=False), name)
    except (pa.ArrowException, ValueError) as error:
        raise DatasetError(f"the table {name} cannot be used: {error}") from error


def _catalogue(items: pd.DataFrame, met: pd.Series) -> tuple[pd.DataFrame, CleaningReport]:
    """The items, then those that were `met` in interactions only."""
    items, found = clean_entities(items, "item_id")
    unknown = met[~met.isin(items["item_id"])]
    kept = such_as("kept in the catalogue, without columns", unknown)
    found += report_of(("items that only interactions know", len(unknown), kept))
    whole = pd.concat([items["item_id"], unknown], ignore_index=True)
    return items.set_index("item_id").reindex(whole).rename_axis("item_id").reset_index(), found


def _everybody(users: pd.DataFrame | None, met: pd.Series) -> tuple[pd.DataFrame, CleaningReport]:
    """One row for each user that was `met` in interactions, then those that only the users table knows."""
    if users is None:
        return pd.DataFrame({"user_id": met.reset_index(drop=True)}), CleaningReport()
    users, found = clean_entities(users, "user_id")
    seen = users["user_id"].isin(met)
    found += report_of(
        ("users without an interaction", (~seen).sum(), "kept, known by their profile only"),
        ("users that only interactions know", len(met) - seen.sum(), "kept, without columns"),
    )
    everybody = pd.concat([met, users["user_id"][~seen]], ignore_index=True)
    return users.set_index("user_id").reindex(everybody).rename_axis("user_id").reset_index(), found


def _in_roles(rows: pd.DataFrame, schema: Schema, table: str) -> tuple[pd.DataFrame, CleaningReport]:
    rows, found = rows.set_index(rows.columns[0]), CleaningReport()
    for column, role in schema.table(table).items():
        rows[column], more = as_role(rows[column], role, table)
        found += more
    return rows.reset_index(), found


def texts_of(rows: pd.DataFrame, roles: Mapping[str, Role]) -> list[str]:
    """One cleaned text for each row of a table, "" where it has no words."""
    columns = text_columns(roles)
    cleaned = [[clean_text(value) for value in rows[column].astype(object)] for column in columns]
    if not columns:
        return [""] * len(rows)
    return [item_text(dict(zip(columns, values, strict=True))) for values in zip(*cleaned, strict=True)]


def _content(values: pd.Series) -> bytes:
    if pd.api.types.is_numeric_dtype(values):
        return np.ascontiguousarray(values.to_numpy(np.float64, na_value=np.nan)).tobytes()
    texts = (
        value.tobytes().hex() if isinstance(value, np.ndarray) else str(value)
        for value in values.astype(object)
    )
    return "\x1f".join(texts).encode()
