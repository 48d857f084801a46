"""The default store: one SQLite file.

One thread writes. What arrives while it waits for the disk goes into the next transaction together, so that an
fsync for each commit costs a busy gateway little. Reads take tens of microseconds and never wait for the writer
(write-ahead log), so they are done in the event loop itself.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from serving.feature_store.events import Event
from serving.feature_store.store import KEPT, Entry, StoreError, lanes

_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    user TEXT NOT NULL, impression INTEGER NOT NULL, seq INTEGER NOT NULL,
    kind TEXT NOT NULL, item TEXT NOT NULL, time REAL NOT NULL, session TEXT NOT NULL, event_id TEXT NOT NULL,
    PRIMARY KEY (user, impression, seq)
) WITHOUT ROWID
"""
_OF_LANE = "FROM events WHERE user = ? AND impression = ?"
BUSY_SECONDS = 5.0


class _Job(NamedTuple):
    work: Callable[[sqlite3.Connection], int]
    done: "asyncio.Future[int]"
    loop: asyncio.AbstractEventLoop


class SqliteStore:
    """Events in the SQLite file `path`, which is made if it is missing. As FeatureStore.

    Raises:
        StoreError: the file cannot be opened or is no database.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._reader = _connected(self.path)
            self._writer = _connected(self.path)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"The feature store {path} cannot be opened: {error}.") from error
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="feature-store", daemon=True)
        self._thread.start()

    async def append(self, entries: Sequence[Entry]) -> None:
        await self._submit(lambda connection: _append(connection, entries))

    async def events(self, user: str) -> list[Event]:
        query = (
            "SELECT kind, item, time, session, event_id FROM events WHERE user = ? ORDER BY impression, seq"
        )
        try:
            return [Event(*row) for row in self._reader.execute(query, (user,))]
        except sqlite3.Error as error:
            raise StoreError(f"The feature store {self.path} cannot be read: {error}.") from error

    async def erase(self, user: str) -> int:
        erased = await self._submit(lambda connection: _erase(connection, user))
        # Until a checkpoint the write-ahead log still holds the pages as they were.
        await asyncio.to_thread(_truncate_log, self.path)
        return erased

    async def close(self) -> None:
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)
        self._reader.close()
        self._writer.close()

    async def _submit(self, work: Callable[[sqlite3.Connection], int]) -> int:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[int] = loop.create_future()
        self._jobs.put(_Job(work, done, loop))
        return await done

    # in the writing thread

    def _write(self) -> None:
        while (first := self._jobs.get()) is not None:
            jobs, last = self._waiting(first)
            self._commit(jobs)
            if last:
                return

    def _waiting(self, first: _Job) -> tuple[list[_Job], bool]:
        jobs = [first]
        while not self._jobs.empty():
            job = self._jobs.get()
            if job is None:
                return jobs, True
            jobs.append(job)
        return jobs, False

    def _commit(self, jobs: list[_Job]) -> None:
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            counts = [job.work(self._writer) for job in jobs]
            self._writer.execute("COMMIT")
        except Exception as error:  # this thread must outlive whatever happens to the file
            with suppress(sqlite3.Error):
                self._writer.execute("ROLLBACK")
            failure = StoreError(f"The feature store {self.path} cannot be written: {error}.")
            for job in jobs:
                job.loop.call_soon_threadsafe(_settle, job.done, failure)
            return
        for job, count in zip(jobs, counts, strict=True):
            job.loop.call_soon_threadsafe(_settle, job.done, count)


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # NORMAL would lose the last commits in a power cut
    connection.execute("PRAGMA secure_delete = ON")  # what is erased is overwritten
    connection.execute("PRAGMA cache_size = -32000")
    connection.execute(_SCHEMA)
    return connection


def _settle(done: "asyncio.Future[int]", outcome: Any) -> None:
    if done.cancelled():
        return
    if isinstance(outcome, Exception):
        done.set_exception(outcome)
    else:
        done.set_result(outcome)


def _append(connection: sqlite3.Connection, entries: Sequence[Entry]) -> int:
    return sum(_append_lane(connection, user, int(lane), events) for user, lane, events in lanes(entries))


def _append_lane(connection: sqlite3.Connection, user: str, impression: int, events: list[Event]) -> int:
    lane = (user, impression)
    (newest,) = connection.execute(f"SELECT coalesce(max(seq), 0) {_OF_LANE}", lane).fetchone()
    known: set[str] = set()
    if newest:
        known = {row[0] for row in connection.execute(f"SELECT event_id {_OF_LANE}", lane)} - {""}
    fresh = []
    for event in events:
        if event.event_id not in known:
            fresh.append(event)
            known |= {event.event_id} - {""}
    connection.executemany(
        "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (*lane, newest + place, event.kind, event.item_id, event.time, event.session, event.event_id)
            for place, event in enumerate(fresh, start=1)
        ],
    )
    if newest + len(fresh) > KEPT:
        connection.execute(f"DELETE {_OF_LANE} AND seq <= ?", (*lane, newest + len(fresh) - KEPT))
    return len(fresh)


def _erase(connection: sqlite3.Connection, user: str) -> int:
    return connection.execute("DELETE FROM events WHERE user = ?", (user,)).rowcount


def _truncate_log(path: Path) -> None:
    connection = _connected(path)
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()
