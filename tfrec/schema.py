"""What the columns of a dataset mean: one role for each column beyond the ids and the timestamp.

The lowest layer: it knows names and roles, not tables. `tfrec.data.inference` guesses the roles, a
`schema.yaml` beside the tables (one flat mapping `column: role`, read here by `read_roles`) overrides the
guess, and every later stage asks the `Schema` which columns to read. `contract.json` of an exported model
carries `Schema.to_dict()`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum

import yaml


class SchemaError(ValueError):
    """A schema that cannot be meant as written; the message names the line, the column and the choices."""


class Role(StrEnum):
    """What a column is for."""

    TEXT = "text"  # read by the language model
    CATEGORY = "category"  # the one item column that filters, caps and fairness use; may be "a|b"
    CATEGORICAL = "categorical"  # a small vocabulary; may be "a|b"
    NUMBER = "number"
    VECTOR = "vector"  # a fixed number of floats, such as an image embedding
    CONTEXT = "context"  # known when a request arrives (device, shop, weekday)
    LABEL = "label"  # the outcome of an interaction (rating, event, quantity)
    IGNORE = "ignore"


@dataclass(frozen=True)
class Schema:
    """The role of each column, table by table, in file order.

    Args:
        items: roles of the items' columns, without `item_id`.
        users: roles of the users' columns, without `user_id`.
        interactions: roles of the interactions' columns, without `user_id`, `item_id` and `timestamp`.

    Raises:
        SchemaError: when two item columns are the `category`.
    """

    items: Mapping[str, Role] = field(default_factory=dict)
    users: Mapping[str, Role] = field(default_factory=dict)
    interactions: Mapping[str, Role] = field(default_factory=dict)

    def __post_init__(self) -> None:
        categories = self.columns("items", Role.CATEGORY)
        if len(categories) > 1:
            raise SchemaError(
                f"expected one item column with the role 'category'. Received: {', '.join(categories)}. "
                "Call the others 'categorical' in schema.yaml."
            )

    def columns(self, table: str, role: Role) -> list[str]:
        """The columns of `table` ("items", "users" or "interactions") that have this role, in file order."""
        return [column for column, its_role in self.table(table).items() if its_role == role]

    def table(self, table: str) -> Mapping[str, Role]:
        """All roles of one table."""
        if table not in TABLES:
            raise SchemaError(f"`table` must be one of {', '.join(TABLES)}. Received: {table!r}")
        roles: Mapping[str, Role] = getattr(self, table)
        return roles

    @property
    def category_column(self) -> str | None:
        """The one item column with the role `category`, or None."""
        return next(iter(self.columns("items", Role.CATEGORY)), None)

    def to_dict(self) -> dict[str, dict[str, str]]:
        """Table → column → role, in plain strings, for JSON."""
        return {table: {column: str(role) for column, role in self.table(table).items()} for table in TABLES}

    @classmethod
    def from_dict(cls, tables: Mapping[str, Mapping[str, str]]) -> Schema:
        """The inverse of `to_dict`."""
        roles = {
            table: {column: parse_role(role, f"{table}.{column}") for column, role in columns.items()}
            for table, columns in tables.items()
        }
        return cls(**roles)

    def to_yaml(self) -> str:
        """`to_dict` as YAML. (A dataset's own schema.yaml is flat, `column: role`: see `read_roles`.)"""
        text: str = yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True)
        return text

    @classmethod
    def from_yaml(cls, text: str) -> Schema:
        """The inverse of `to_yaml`."""
        return cls.from_dict(yaml.safe_load(text))


TABLES = tuple(table.name for table in fields(Schema))


def parse_role(role: object, where: str) -> Role:
    """The `Role` with this name; `where` opens the error's message."""
    try:
        return Role(str(role))
    except ValueError:
        roles = ", ".join(Role)
        raise SchemaError(f"{where}: unknown role. Received: {role!r}. Expected one of: {roles}.") from None


def read_roles(text: str, *, known: Collection[str] | None = None) -> dict[str, Role]:
    """Reads a dataset's schema.yaml: one flat mapping `column: role`.

    Args:
        known: the columns of the dataset's tables; None accepts any.

    Raises:
        SchemaError: with the line, for broken YAML, an unknown role or column, a column named twice, or
            anything but a flat mapping.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise SchemaError(f"not readable as YAML: {error}") from error
    if root is None:
        return {}
    if not isinstance(root, yaml.MappingNode):
        raise SchemaError("line 1: expected one `column: role` on each line. Received: a list or a value.")
    roles: dict[str, Role] = {}
    for key, value in root.value:
        where = f"line {key.start_mark.line + 1}, column {key.value!r}"
        if not isinstance(value, yaml.ScalarNode):
            raise SchemaError(f"{where}: expected a role, as in `title: text`. Received: a nested value.")
        if key.value in roles:
            raise SchemaError(f"{where}: named twice. Keep one line for each column.")
        if known is not None:
            check_column(key.value, known, where)
        roles[key.value] = parse_role(value.value, where)
    return roles


def check_column(column: str, known: Collection[str], where: str) -> None:
    """Raises SchemaError for a column that no table has."""
    if column not in known:
        columns = ", ".join(sorted(known)) or "no further columns"
        raise SchemaError(f"{where}: unknown column. The tables have: {columns}.")
