"""A dataset's interactions as events: so that the memory begins where training ended."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from serving.feature_store import KEPT, KINDS, Event, FeatureStore
from serving.gateway.pseudonyms import Pseudonyms
from serving.gateway.settings import GatewayError

USERS_AT_A_TIME = 5_000
_COLUMNS = ("user_id", "item_id", "timestamp")


def read_histories(path: Path) -> Iterator[tuple[str, list[Event]]]:
    """Each user's newest KEPT interactions, oldest first, from interactions.parquet or .csv (a file, or the folder
    that holds it). `event` tells the kind where it is one of KINDS; else it is a view.

    Raises:
        GatewayError: there is no such table, or a column is missing.
    """
    table = _read(path)
    missing = [name for name in _COLUMNS if name not in table.column_names]
    if missing:
        raise GatewayError(f"{path} lacks {', '.join(missing)}. Received: {', '.join(table.column_names)}.")
    table = table.append_column("_order", pa.array(range(table.num_rows)))
    table = table.sort_by([("user_id", "ascending"), ("timestamp", "ascending"), ("_order", "ascending")])
    kinds = table["event"] if "event" in table.column_names else pa.chunked_array([pa.nulls(table.num_rows)])
    columns = [table[name].to_pylist() for name in _COLUMNS]
    user, events = None, []
    for owner, item, time, kind in zip(*columns, kinds.to_pylist(), strict=True):
        if owner != user and user is not None:
            yield user, events[-KEPT:]
            events = []
        user = owner
        events.append(Event(kind if kind in KINDS else "view", item, time))
    if user is not None:
        yield user, events[-KEPT:]


async def import_histories(path: Path, store: FeatureStore, pseudonyms: Pseudonyms) -> int:
    """Appends them to the store under the users' pseudonyms and returns how many users there were. Done twice, it
    changes nothing: the events have ids of their own."""
    users, entries = 0, []
    for user, events in read_histories(path):
        users += 1
        pseudonym = pseudonyms.of(user)
        entries += [
            (pseudonym, Event(e.kind, e.item_id, e.time, event_id=f"import-{e.time:g}-{place}"))
            for place, e in enumerate(events)
        ]
        if users % USERS_AT_A_TIME == 0:
            await store.append(entries)
            entries = []
    await store.append(entries)
    return users


def _read(path: Path) -> pa.Table:
    names = [path / f"interactions.{kind}" for kind in ("parquet", "csv")] if path.is_dir() else [path]
    found = next((name for name in names if name.is_file()), None)
    if found is None:
        raise GatewayError(f"There are no interactions at {path}: interactions.parquet or .csv is expected.")
    if found.suffix == ".parquet":
        table = pq.read_table(found)
    else:
        ids = pyarrow.csv.ConvertOptions(column_types={"user_id": pa.string(), "item_id": pa.string()})
        table = pyarrow.csv.read_csv(found, convert_options=ids)
    for name in ("user_id", "item_id"):
        if name in table.column_names:
            place = table.column_names.index(name)
            table = table.set_column(place, name, pc.cast(table[name], pa.string()))
    return table
