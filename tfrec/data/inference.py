"""Guesses what each column of a dataset means, and says why: `tfrec data` prints both.

A schema.yaml overrides any guess. What the values are comes first (lists, numbers, dates, addresses), then a
name that says it (title, tags), then how many different values there are and whether they hold words. Of
interactions, outcomes go by name; of items, so does the one category.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tfrec.data.item_text import count_words
from tfrec.schema import Role, Schema, check_column

CATEGORY_NAMES = ("category", "categories", "genres", "brand")
TEXT_NAMES = ("title", "name", "description", "text", "summary", "plot", "overview", "headline", "body")
TAG_NAMES = ("tags", "keywords")
LABEL_NAMES = ("rating", "event", "quantity")
KEYS = ("user_id", "item_id", "timestamp")
FEW_VALUES = 1000  # a vocabulary up to here can be an embedding table without care
FEW_SHARE = 0.5  # different values per filled row: above, a value says little about other rows
MULTI_SHARE = 0.2  # of "a|b" strings among the values of a multi-valued column
WORDY = 1.5  # words per value
LONG = 12.0  # words per value of something to read, however often it repeats

Guess = tuple[Role, str]  # and why


def infer_schema(
    items: pd.DataFrame,
    users: pd.DataFrame,
    interactions: pd.DataFrame,
    *,
    given: Mapping[str, Role] | None = None,
) -> tuple[Schema, dict[str, str]]:
    """The schema of three tables, and the reason of each role as "table.column" → words.

    Args:
        given: roles that are not to be guessed, for every table that has the column.

    Raises:
        SchemaError: a given column is in no table.
    """
    given = given or {}
    users, interactions = users.drop(columns="user_id"), interactions.drop(columns=list(KEYS))
    guesses: dict[str, dict[str, Guess]] = {
        "items": _guess_items(items.drop(columns="item_id"), given),
        "users": {column: guess_role(values) for column, values in users.items()},
        "interactions": {column: _guess_interaction(values) for column, values in interactions.items()},
    }
    known = {column for table in guesses.values() for column in table}
    for column, role in given.items():
        check_column(column, known, f"column {column!r}")
        for table in guesses.values():
            if column in table:
                table[column] = (role, "schema.yaml says so")
    roles = {table: {column: role for column, (role, _) in of.items()} for table, of in guesses.items()}
    reasons = {f"{table}.{column}": why for table, of in guesses.items() for column, (_, why) in of.items()}
    return Schema(**roles), reasons


def guess_role(values: pd.Series) -> Guess:
    """The role of one column of items or users, by its name and its values."""
    filled = values.dropna()
    if filled.empty:
        return Role.IGNORE, "empty"
    if not isinstance(filled.iloc[0], str):
        return _guess_unread(values, filled)
    filled = filled[filled.str.strip() != ""]
    if filled.empty:
        return Role.IGNORE, "blank"
    return _guess_strings(str(values.name), filled)


def _guess_items(items: pd.DataFrame, given: Mapping[str, Role]) -> dict[str, Guess]:
    """Guesses column by column, then names the one category."""
    guesses = {str(column): guess_role(items[column]) for column in items}
    if Role.CATEGORY in (given.get(column) for column in guesses):
        return guesses
    for name in CATEGORY_NAMES:
        if name in guesses and name not in given and (filled := _share_filled(items[name])) >= 0.5:
            why = f"the first of {', '.join(CATEGORY_NAMES)} that is filled ({filled:.0%})"
            return guesses | {name: (Role.CATEGORY, why)}
    return guesses


def _guess_interaction(values: pd.Series) -> Guess:
    if str(values.name).lower() in LABEL_NAMES:
        return Role.LABEL, f"named {values.name}"
    if _is_id_name(str(values.name)):
        return Role.IGNORE, "named as an id"
    role, why = guess_role(values)
    if role in (Role.NUMBER, Role.CATEGORICAL):
        return Role.CONTEXT, why
    if role in (Role.TEXT, Role.VECTOR):
        return Role.IGNORE, f"{why}; not known when a request arrives"
    return role, why


def _guess_unread(values: pd.Series, filled: pd.Series) -> Guess:
    """Columns that do not hold strings."""
    if pd.api.types.is_numeric_dtype(values):
        return _guess_id(filled) if _is_id_name(str(values.name)) else (Role.NUMBER, "numbers")
    if pd.api.types.is_datetime64_any_dtype(values):
        return Role.NUMBER, "times, as unix seconds"
    first = filled.iloc[0]
    if isinstance(first, (np.ndarray, list)):
        return Role.VECTOR, f"lists of {len(first)} numbers"
    return Role.IGNORE, f"values of type {type(first).__name__}"


def _guess_id(filled: pd.Series) -> Guess:
    """Numbers that are names: of few groups, or of single rows."""
    distinct = filled.nunique()
    few = distinct <= min(FEW_VALUES, FEW_SHARE * len(filled))
    return Role.CATEGORICAL if few else Role.IGNORE, f"named as an id, {distinct:,} different values"


def _guess_strings(name: str, filled: pd.Series) -> Guess:
    look = _look(filled)
    several = f"{'multi-valued, ' * look.multi}{look.distinct:,} different values"
    if look.lists:
        return Role.VECTOR, "lists of numbers"
    if look.addresses > 0.5:
        return Role.IGNORE, "addresses"
    if look.dates > 0.9:
        return Role.NUMBER, "times, as unix seconds"
    if name.lower() in TEXT_NAMES:
        return Role.TEXT, f"named {name}, {look.words:.1f} words on average"
    if look.is_few and look.words < LONG:
        return Role.CATEGORICAL, several
    if look.multi or name.lower() in TAG_NAMES:
        return Role.TEXT, f"{several}: too many for a vocabulary, so read"
    if look.words >= WORDY and not _is_id_name(name):
        return Role.TEXT, f"{look.words:.1f} words on average, {several}"
    if look.codes > 0.5 or _is_id_name(name):
        return Role.IGNORE, f"{several} without words: an id"
    return Role.TEXT, f"{several}: too many for a vocabulary, so read"


@dataclass(frozen=True)
class _Look:
    """What a string column looks like; shares lie in [0, 1].

    Args:
        multi: whether enough values are "a|b" to count their parts.
        distinct: different values, or parts.
        share: `distinct` of all values, or parts.
        words: words per value.
        codes: share of values that are one string with a digit.
        addresses: share of values such as https://…
        dates: share of values such as 2024-05-01…
        lists: whether values are JSON lists of floats.
    """

    multi: bool
    distinct: int
    share: float
    words: float
    codes: float
    addresses: float
    dates: float
    lists: bool

    @property
    def is_few(self) -> bool:
        return self.distinct <= FEW_VALUES and self.share <= FEW_SHARE


def _look(filled: pd.Series, *, sample: int = 10_000) -> _Look:
    """Counts over all values; words and codes over an even sample."""
    multi = bool(filled.str.contains("|", regex=False).mean() >= MULTI_SHARE)
    parts = filled.str.split("|").explode() if multi else filled
    distinct = int(parts.nunique())
    some = filled.iloc[:: max(1, len(filled) // sample)].astype(object)
    return _Look(
        multi=multi,
        distinct=distinct,
        share=distinct / len(parts),
        words=float(np.mean([count_words(value) for value in some])),
        codes=_share(r"\S*\d\S*$", some),
        addresses=_share(r"\w+://", some),
        dates=_share(r"\d{4}-\d\d-\d\d(?:$|[T ])", some),
        lists=re.fullmatch(r"\[\s*-?\d+\.\d[-+.,\deE\s]*\]", some.iloc[0]) is not None,
    )


def _share(pattern: str, values: pd.Series) -> float:
    """The share of values that begin with the pattern."""
    return float(np.mean([re.match(pattern, value) is not None for value in values]))


def _is_id_name(name: str) -> bool:
    return re.search(r"(?:^|_)id$|[a-z]Id$", name) is not None


def _share_filled(values: pd.Series) -> float:
    return float((values.notna() & (values.astype(str).str.strip() != "")).mean())
