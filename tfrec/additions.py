"""Items that joined a run after its training: RUN/added/, one parquet file for each `tfrec index add`.

They belong to what is exported, never to what is evaluated: the models have not learned from them, and the run's own
tables stay as they were.

A file holds the items' columns, their `_title`, and their vectors `_language` and `_lexical`, so that an export on
another machine encodes nothing again.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from tfrec.data.dataset import Dataset
from tfrec.data.item_content import ItemContent
from tfrec.run import Run, replace_file

FOLDER = "added"
TITLE, LANGUAGE, LEXICAL = "_title", "_language", "_lexical"


def make_addition(run: Run, new: Dataset, language: np.ndarray | None) -> pd.DataFrame:
    """New items as a table that is kept; language float32 `[items, text_dim]`, None without an encoder."""
    vectors = {LANGUAGE: language, LEXICAL: run.words(new.item_texts())}
    columns = {name: list(values) for name, values in vectors.items() if values is not None}
    return new.items.assign(**{TITLE: new.item_titles(), **columns})


def load_additions(run: Run) -> list[pd.DataFrame]:
    """What was added to a run so far, oldest first."""
    return [pd.read_parquet(path) for path in _files(run)]


def save_addition(run: Run, addition: pd.DataFrame) -> None:
    """Makes an addition part of the run."""
    number = 1 + max((int(path.stem) for path in _files(run)), default=0)
    replace_file(run.folder / FOLDER / f"{number:06}.parquet", addition.to_parquet)


def extended_content(content: ItemContent, addition: pd.DataFrame) -> ItemContent:
    """The content of a catalogue with an addition below."""
    language, lexical = (
        np.stack(addition[name]).astype(np.float32) if name in addition else None
        for name in (LANGUAGE, LEXICAL)
    )
    return content.extended(addition, language, lexical)


@contextmanager
def one_at_a_time(run: Run) -> Iterator[None]:
    """Waits until nobody else adds items to this run; a process that dies lets the next one in."""
    folder = run.folder / FOLDER
    folder.mkdir(exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _files(run: Run) -> list[Path]:
    return sorted((run.folder / FOLDER).glob("[0-9]*.parquet"))
