"""Rows that become Parquet files, and survive `kill -9` on the way.

A row is written to an open segment (one JSON line, handed to the operating system before `append` returns). Full
or old segments are turned into Parquet aside and renamed. What a killed process left is turned at the next start;
a segment is locked while its process lives, so that several gateways may share a folder.
"""

import asyncio
import fcntl
import json
import logging
import os
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

log = logging.getLogger(__name__)


class Journal:
    """One table in `folder`, as part-*.parquet.

    Args:
        schema: its columns; `user_id` is the pseudonym by which rows are found and erased.
        rows: of one part at most.
        seconds: a part is begun anew after that.
    """

    def __init__(self, folder: Path, schema: pa.Schema, *, rows: int = 20_000, seconds: float = 60.0):
        self.folder = folder
        self.schema = schema
        self._limits = (rows, seconds)
        self._finishing = asyncio.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        self._begin()

    def append(self, row: dict[str, Any]) -> None:
        """Keeps one row."""
        line = json.dumps(row, separators=(",", ":")).encode() + b"\n"
        if os.write(self._segment, line) != len(line):
            raise OSError(f"{self._path} took only a part of a row: is the disk full?")
        self._rows += 1

    async def tend(self) -> None:
        """Turns segments into Parquet for ever, beginning with those that killed processes left."""
        await asyncio.to_thread(self._recover)
        while True:
            await asyncio.sleep(1.0)
            if self._rows >= self._limits[0] or (
                self._rows and time.monotonic() - self._began > self._limits[1]
            ):
                await self.rotate()

    async def rotate(self) -> None:
        """Turns what was appended so far into Parquet."""
        async with self._finishing:
            if self._rows:
                path, segment = self._path, self._segment
                self._begin()
                await asyncio.to_thread(self._finish, path, segment)

    async def rows_of(self, user_id: str) -> list[dict[str, Any]]:
        """Every row of one pseudonym."""
        await self.rotate()
        return await asyncio.to_thread(self._find, user_id)

    async def erase(self, user_id: str) -> int:
        """Removes one pseudonym's rows from all parts, and returns how many there were."""
        await self.rotate()
        async with self._finishing:
            return await asyncio.to_thread(self._erase, user_id)

    async def close(self) -> None:
        """Turns the rest into Parquet."""
        await self.rotate()
        os.close(self._segment)
        self._path.unlink()

    def _begin(self) -> None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")  # so that parts stand in the order of time
        self._path = self.folder / f"part-{stamp}-{uuid.uuid4().hex[:8]}.jsonl"
        self._segment = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(self._segment, fcntl.LOCK_EX)
        self._rows, self._began = 0, time.monotonic()

    def _finish(self, path: Path, segment: int) -> None:
        try:
            rows = _rows(path)
            if rows:
                _write(pa.Table.from_pylist(rows, self.schema), path.with_suffix(".parquet"))
            path.unlink()
        finally:
            os.close(segment)

    def _recover(self) -> None:
        for path in sorted(self.folder.glob("part-*.jsonl")):
            if path == self._path:
                continue
            try:
                segment = os.open(path, os.O_RDONLY)
            except FileNotFoundError:
                continue
            try:
                fcntl.flock(segment, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(segment)  # its process lives
                continue
            log.info("Recovering %s", path.name)
            self._finish(path, segment)

    def _parts(self) -> list[Path]:
        return sorted(self.folder.glob("part-*.parquet"))

    def _find(self, user_id: str) -> list[dict[str, Any]]:
        mine = [("user_id", "==", user_id)]
        return [row for part in self._parts() for row in pq.read_table(part, filters=mine).to_pylist()]

    def _erase(self, user_id: str) -> int:
        erased = 0
        for part in self._parts():
            of_user = pc.equal(pq.read_table(part, columns=["user_id"])["user_id"], user_id)
            count = pc.sum(of_user).as_py() or 0
            if count:
                _write(pq.read_table(part).filter(pc.invert(of_user)), part)
            erased += count
        return erased


def _rows(path: Path) -> list[dict[str, Any]]:
    lines = path.read_bytes().split(b"\n")
    return [
        json.loads(line) for line in lines[:-1]
    ]  # a killed process may leave half a line, after the last \n


def _write(table: pa.Table, path: Path) -> None:
    aside = path.with_suffix(".aside")
    pq.write_table(table, aside, compression="zstd")
    os.replace(aside, path)
