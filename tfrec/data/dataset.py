"""A dataset in memory: cleaned tables in catalogue order, what their columns mean, and what cleaning found.

`load_dataset` reads a folder or a bundled dataset, `make_dataset` takes tables that are in memory already. Both end in
the same `Dataset`, from which `histories` and the text encoder start.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from tfrec.data.cleaning import CleaningReport, clean_entities, clean_interactions, report_of
from tfrec.data.columns import as_role
from tfrec.data.errors import DatasetError
from tfrec.data.inference import infer_schema
from tfrec.data.item_text import clean_text, item_text, text_columns
from tfrec.data.readers import find_table, read_table
from tfrec.schema import Role, Schema, SchemaError, read_roles

__all__ = ["Dataset", "DatasetError", "load_dataset", "make_dataset"]

BUILT_IN = {"movielens": Path(__file__).parent / "movielens"}
TITLES = ("title", "name", "headline")


@dataclass(frozen=True)
class Dataset:
    """Interactions, items and users, ready to learn from.

    Args:
        name: the folder's name, for reports.
        interactions: in stable time order: `user_id` (str), `item_id` (str), `timestamp` (float64), further columns.
        items: one row for each catalogue item in catalogue order (the items file, then ids that only interactions
            know, by first appearance): `item_id`, then the columns, in the form that `as_role` gives.
        users: one row for each of `user_ids`, in that order: `user_id`, then the columns, likewise.
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
        return self.items["item_id"].to_numpy(object)

    @cached_property
    def user_ids(self) -> np.ndarray:
        """The users by first appearance in time, str objects `[users]`."""
        return self.users["user_id"].to_numpy(object)

    def item_texts(self) -> list[str]:
        """One cleaned text for each item, in catalogue order; "" where an item has no words."""
        return self._texts

    def item_titles(self) -> list[str]:
        """A short name for each item: its title, else the first words that it has, else its id."""
        columns = [name for name in TITLES if name in self.schema.items] or self.schema.columns("items", Role.TEXT)[:1]
        titles = map(clean_text, self.items[columns[0]].astype(str)) if columns else [""] * len(self.items)
        return [title or item_id for title, item_id in zip(titles, self.item_ids, strict=True)]

    def item_vectors(self, column: str) -> np.ndarray:
        """A vector column as float32 `[items, width]`."""
        if self.schema.items.get(column) != Role.VECTOR:
            raise DatasetError(f"`column` must be one of {self.schema.columns('items', Role.VECTOR)}. Received: {column!r}")
        return np.stack(self.items[column].to_list())

    def coded_interactions(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """User numbers int32, item positions int32 and times float64, each `[interactions]`, in time order."""
        user = pd.Index(self.user_ids).get_indexer(self.interactions["user_id"].astype(object))
        item = pd.Index(self.item_ids).get_indexer(self.interactions["item_id"].astype(object))
        return user.astype(np.int32), item.astype(np.int32), self.interactions["timestamp"].to_numpy(np.float64)

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
        return _item_texts(self.items, self.schema)


def load_dataset(source: str | Path) -> Dataset:
    """Reads a dataset folder, or the built-in "movielens".

    The folder holds `interactions` and `items` (.parquet or .csv), perhaps `users`, perhaps `schema.yaml`.

    Raises:
        DatasetError: the folder cannot be a dataset; the message names file, column, and what to do.
    """
    folder = BUILT_IN.get(str(source), Path(source))
    if not folder.is_dir():
        raise DatasetError(f"{source}: no such folder. Give a dataset folder, or one of: {', '.join(BUILT_IN)}.")
    users = read_table(folder, "users") if find_table(folder, "users") else None
    try:
        return make_dataset(
            read_table(folder, "interactions"),
            read_table(folder, "items"),
            users,
            name=folder.resolve().name,
            roles=_given_roles(folder / "schema.yaml"),
        )
    except SchemaError as error:
        raise DatasetError(f"{folder / 'schema.yaml'}: {error}") from error
    except DatasetError as error:
        raise error if str(error).startswith(str(folder)) else DatasetError(f"{folder}: {error}") from error


def make_dataset(
    interactions: pd.DataFrame,
    items: pd.DataFrame,
    users: pd.DataFrame | None = None,
    *,
    name: str = "tables",
    roles: Mapping[str, Role] | None = None,
) -> Dataset:
    """Cleans tables in memory, in the columns that a dataset folder has, and puts them into catalogue order.

    Args:
        roles: column → role, where the guess is to be overridden; what schema.yaml is to a folder.
    """
    interactions, found = clean_interactions(interactions)
    items, found_items = clean_entities(items, "item_id")
    items, found_unknown = _with_unknown_items(items, interactions)
    users, found_users = _users_seen(users, interactions)
    schema, reasons = infer_schema(items, users, interactions, given=roles)
    items, found_values = _in_roles(items, schema, "items")
    users, found_profiles = _in_roles(users, schema, "users")
    silent = sum(not text for text in _item_texts(items, schema))
    found_silent = report_of(("items without any text", silent, "kept; content-based stages cannot tell them apart"))
    report = found + found_items + found_unknown + found_users + found_values + found_profiles + found_silent
    return Dataset(name, interactions, items, users, schema, report, reasons)


def _given_roles(path: Path) -> dict[str, Role]:
    return read_roles(path.read_text("utf-8")) if path.is_file() else {}


def _with_unknown_items(items: pd.DataFrame, interactions: pd.DataFrame) -> tuple[pd.DataFrame, CleaningReport]:
    met = interactions["item_id"].drop_duplicates()
    unknown = met[~met.isin(items["item_id"])]
    found = report_of(("items that only interactions know", len(unknown), "kept in the catalogue, without columns"))
    whole = pd.concat([items["item_id"], unknown], ignore_index=True)
    return items.set_index("item_id").reindex(whole).rename_axis("item_id").reset_index(), found


def _users_seen(users: pd.DataFrame | None, interactions: pd.DataFrame) -> tuple[pd.DataFrame, CleaningReport]:
    seen = interactions["user_id"].drop_duplicates()
    if users is None:
        return pd.DataFrame({"user_id": seen.reset_index(drop=True)}), CleaningReport()
    users, found = clean_entities(users, "user_id")
    known = users["user_id"].isin(seen)
    found += report_of(
        ("users without an interaction", (~known).sum(), "left out"),
        ("users that only interactions know", len(seen) - known.sum(), "kept, without columns"),
    )
    return users.set_index("user_id").reindex(seen).rename_axis("user_id").reset_index(), found


def _in_roles(rows: pd.DataFrame, schema: Schema, table: str) -> tuple[pd.DataFrame, CleaningReport]:
    columns, found = {}, CleaningReport()
    for column, role in schema.table(table).items():
        columns[column], more = as_role(rows[column], role, table)
        found += more
    return rows.assign(**columns), found


def _item_texts(items: pd.DataFrame, schema: Schema) -> list[str]:
    columns = text_columns(schema)
    cleaned = [[clean_text(value) for value in items[column]] for column in columns]
    if not columns:
        return [""] * len(items)
    return [item_text(dict(zip(columns, values, strict=True))) for values in zip(*cleaned, strict=True)]


def _content(values: pd.Series) -> bytes:
    if pd.api.types.is_numeric_dtype(values):
        return np.ascontiguousarray(values.to_numpy(np.float64, na_value=np.nan)).tobytes()
    if len(values) and isinstance(values.iloc[0], np.ndarray):
        return np.concatenate(values.to_list()).tobytes()
    return "\x1f".join(map(str, values)).encode("utf-8", "surrogatepass")
