"""Items that come after training: read and checked under the schema of the catalogue that they are to join."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from tfrec.data.cleaning import CleaningReport, is_empty, report_of
from tfrec.data.columns import as_role
from tfrec.data.dataset import Dataset
from tfrec.data.errors import DatasetError
from tfrec.data.readers import check_columns, read_file, read_table
from tfrec.schema import Role, Schema


def read_new_items(
    source: str | Path, schema: Schema, widths: Mapping[str, int], catalogue: Iterable[str]
) -> Dataset:
    """Reads items that a catalogue does not have yet.

    Args:
        source: a parquet or csv file, or a folder that holds `items`.parquet or .csv.
        schema: roles of the catalogue's columns. All but the ignored ones must be there; further ones are left out.
        widths: of the catalogue's vector columns.
        catalogue: the ids that it has.

    Returns:
        a dataset of these items alone, in file order; values that the catalogue does not know are normal.

    Raises:
        DatasetError: the file cannot be read or holds no items, a column is missing, an id is empty, stands twice or
            is in the catalogue, a vector holds NaN or has another width.
    """
    path = Path(source)
    rows = read_table(path, "items") if path.is_dir() else read_file(path, "items")
    try:
        _check_ids(rows["item_id"], set(catalogue))
        items, report = _in_roles(rows, schema, widths)
    except DatasetError as error:
        raise DatasetError(f"{source}: {error}") from error
    nobody, nothing = (
        pd.DataFrame({"user_id": []}),
        pd.DataFrame({"user_id": [], "item_id": [], "timestamp": []}),
    )
    return Dataset(path.stem, nothing, items, nobody, schema, report, {})


def _check_ids(ids: pd.Series, catalogue: set[str]) -> None:
    empty, known = is_empty(ids), ids.isin(catalogue)
    if empty.any():
        raise DatasetError(f"row {empty.argmax() + 1} has an empty item_id ({empty.sum()} in all). Fill it.")
    if ids.duplicated().any():
        raise DatasetError(
            f"items stand there more than once: {_some(ids[ids.duplicated()])}. Keep one row of each."
        )
    if known.any():
        raise DatasetError(
            f"{known.sum()} of {len(ids)} items are in the catalogue already: {_some(ids[known])}. Leave them out: an "
            "item that was trained on changes with the next training, one that was added is in every further export."
        )


def _in_roles(
    rows: pd.DataFrame, schema: Schema, widths: Mapping[str, int]
) -> tuple[pd.DataFrame, CleaningReport]:
    wanted = [column for column, role in schema.items.items() if role != Role.IGNORE]
    check_columns(list(rows), tuple(wanted))
    strange = [column for column in rows if column not in ("item_id", *schema.items)]
    report = report_of(
        ("columns that the catalogue does not have", len(strange), f"left out: {', '.join(strange)}")
    )
    items = rows.set_index("item_id")[wanted]
    for column in wanted:
        items[column], found = as_role(items[column], schema.items[column], "items", width=widths.get(column))
        report += found
    return items.reset_index(), report


def _some(ids: pd.Series) -> str:
    shown = ", ".join(repr(id_[:40]) for id_ in ids.drop_duplicates().head(3))
    return shown + ", …" * (ids.nunique() > 3)
