"""A dataset as the payload of an `Examples` artifact, and back without a loss.

    PAYLOAD/dataset.json                       name, roles, findings of cleaning, columns, how it was split
    PAYLOAD/items/part-00000.tfrecord.gz       the catalogue in its order
    PAYLOAD/users/part-00000.tfrecord.gz       the users in theirs
    PAYLOAD/interactions/{train,valid,test}/part-00000.tfrecord.gz

A dataset whose numbers are whole, or float32 to begin with, comes back with its own fingerprint.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from components.artifacts import write_text
from components.records import Kind, kind_of, read_table, write_table
from tfrec.config import DataConfig
from tfrec.data.cleaning import CleaningReport, Finding
from tfrec.data.dataset import Dataset
from tfrec.data.histories import histories
from tfrec.data.splits import split
from tfrec.schema import Schema

FACTS = "dataset.json"
PART = "part-00000.tfrecord.gz"
PARTS = "part-*.tfrecord.gz"
SPLITS = ("train", "valid", "test")
PLACE = "_place"  # of an interaction among all: equal times keep their order through the files
EXACT = ("timestamp",)


def write_dataset(dataset: Dataset, folder: Path, how: DataConfig) -> None:
    """Writes a dataset's three tables, the interactions split as `how` says."""
    interactions = dataset.interactions.assign(**{PLACE: np.arange(len(dataset.interactions))})
    parts = split_of_interactions(dataset, how)
    whole = {"items": dataset.items, "users": dataset.users, "interactions": interactions}
    columns = {name: _kinds(table) for name, table in whole.items()}
    files = {f"interactions/{name}": interactions[parts == place] for place, name in enumerate(SPLITS)}
    files |= {"items": dataset.items, "users": dataset.users}
    for name, rows in files.items():
        write_table(rows, columns[name.partition("/")[0]], folder / name / PART)
    records = {name: len(rows) for name, rows in files.items()}
    facts = _facts(dataset) | {
        "split": how.split,
        "repeats": how.repeats,
        "columns": columns,
        "records": records,
    }
    write_text(folder / FACTS, json.dumps(facts, indent=2, ensure_ascii=False) + "\n")


def read_dataset(folder: Path) -> Dataset:
    """The dataset that `write_dataset` wrote: the same rows in the same order, numbers as float32 holds them."""
    facts = read_facts(folder)
    tables = {
        name: read_table(
            sorted((folder / name).rglob(PARTS)), {column: Kind(kind) for column, kind in kinds.items()}
        )
        for name, kinds in facts["columns"].items()
    }
    interactions = tables["interactions"].sort_values(PLACE, ignore_index=True).drop(columns=PLACE)
    return Dataset(
        facts["name"], interactions, tables["items"], tables["users"], Schema.from_dict(facts["schema"]),
        CleaningReport(tuple(Finding(**finding) for finding in facts["cleaning"])), facts["inferred"],
    )  # fmt: skip


def read_facts(folder: Path) -> dict[str, Any]:
    """The content of dataset.json."""
    facts: dict[str, Any] = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    return facts


def split_of_interactions(dataset: Dataset, how: DataConfig) -> np.ndarray:
    """The place in `SPLITS` of every interaction, int `[interactions]`.

    A user's interactions are "train" up to the last that validation may learn from, "valid" up to the last
    that the test may learn from, and "test" from there. A repetition that does not count stands with the
    interaction before it.
    """
    parts = split(histories(dataset, how.repeats), how.split)
    user, item, _ = dataset.coded_interactions()
    repeated = pd.DataFrame({"user": user, "item": item}).duplicated()
    counted = ~repeated | (how.repeats == "keep")
    number = counted.groupby(user).cumsum().to_numpy()
    return (number > parts.train.lengths[user]).astype(np.int64) + (number > parts.refit.lengths[user])


def _facts(dataset: Dataset) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "fingerprint": dataset.fingerprint(),
        "schema": dataset.schema.to_dict(),
        "inferred": dataset.inferred,
        "cleaning": [asdict(finding) for finding in dataset.report.findings],
    }


def _kinds(table: pd.DataFrame) -> dict[str, Kind]:
    return {str(column): kind_of(table[column], exact=column in EXACT) for column in table}
