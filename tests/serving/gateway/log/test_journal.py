"""Rows on their way to Parquet."""

import asyncio
import signal
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from serving.gateway.log import Journal

SCHEMA = pa.schema({"user_id": pa.string(), "item_id": pa.list_(pa.string()), "score": pa.float64()})
ROWS = [{"user_id": f"u{n % 3}", "item_id": [f"i{n}", "ä"], "score": n / 4} for n in range(10)]

# Appends rows, says each one's number once append() has returned, and never ends.
WRITER = """
import asyncio, itertools, os, sys
from pathlib import Path
import pyarrow as pa
from serving.gateway.log import Journal

async def main():
    journal = Journal(Path(sys.argv[1]), pa.schema({"user_id": pa.string(), "n": pa.int64()}), rows=40)
    for n in itertools.count():
        journal.append({"user_id": "u", "n": n})
        os.write(1, f"{n}\\n".encode())
        if n % 60 == 59:
            await journal.rotate()

asyncio.run(main())
"""


def written(folder) -> list[dict]:
    parts = sorted(folder.glob("*.parquet"))
    return [row for part in parts for row in pq.read_table(part).to_pylist()]


def test_rows_come_back_typed(tmp_path):
    async def scenario():
        journal = Journal(tmp_path, SCHEMA)
        for row in ROWS:
            journal.append(row)
        await journal.close()

    asyncio.run(scenario())
    assert written(tmp_path) == ROWS
    assert pq.read_schema(next(tmp_path.glob("*.parquet"))).equals(SCHEMA)
    assert {path.suffix for path in tmp_path.iterdir()} == {".parquet"}


def test_one_user_is_found_and_erased_in_all_parts(tmp_path):
    async def scenario():
        journal = Journal(tmp_path, SCHEMA)
        for row in ROWS:
            journal.append(row)
            if row["item_id"][0] in ("i3", "i7"):
                await journal.rotate()
        found = await journal.rows_of("u1")
        erased = [await journal.erase("u1"), await journal.erase("u1")]
        await journal.close()
        return found, erased

    found, erased = asyncio.run(scenario())
    assert found == [row for row in ROWS if row["user_id"] == "u1"]
    assert erased == [len(found), 0]
    assert written(tmp_path) == [row for row in ROWS if row["user_id"] != "u1"]


@pytest.mark.parametrize("torn", [b"", b'{"user_id": "half'])
def test_a_killed_process_loses_nothing(tmp_path, torn):
    process = subprocess.Popen([sys.executable, "-c", WRITER, tmp_path], stdout=subprocess.PIPE)
    said = [int(process.stdout.readline()) for _ in range(500)]
    process.send_signal(signal.SIGKILL)
    said += [int(line) for line in process.stdout.read().splitlines() if line]
    process.wait()
    process.stdout.close()
    segment = max(tmp_path.glob("*.jsonl"))  # two, if it was killed while the older one became Parquet
    with segment.open("ab") as file:
        file.write(torn)

    async def recover():
        journal = Journal(tmp_path, pa.schema({"user_id": pa.string(), "n": pa.int64()}))
        living = Journal(tmp_path, journal.schema)  # another gateway's open segment is left alone
        living.append({"user_id": "v", "n": -1})
        await asyncio.to_thread(journal._recover)
        before = {row["n"] for row in written(tmp_path)}
        await journal.close()
        await living.close()
        return before

    recovered = asyncio.run(recover())
    assert set(said) <= recovered
    assert -1 not in recovered
    assert -1 in {row["n"] for row in written(tmp_path)}
