"""`kill -9` at any moment loses no acknowledged event."""

import asyncio
import random
import subprocess
import sys
import threading
import time

import pytest

from serving.feature_store import open_store

# Writes to 50 users at a time, and says each event's user and item once append() has returned.
WRITER = """
import asyncio, itertools, os, sys
from serving.feature_store import Event, open_store

async def write(store, user):
    for n in itertools.count():
        await store.append([(f"u{user}-{n // 100}", Event("click", f"{n}", 0.0, "", f"{n}"))])
        os.write(1, f"u{user}-{n // 100} {n}\\n".encode())

async def main():
    store = await open_store(sys.argv[1])
    await asyncio.gather(*(write(store, user) for user in range(50)))

asyncio.run(main())
"""


def start_writer(url: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


def read_lines(process: subprocess.Popen) -> tuple[list[str], threading.Thread]:
    lines: list[str] = []
    thread = threading.Thread(target=lambda: lines.extend(process.stdout))
    thread.start()
    return lines, thread


def check_kept(url: str, acknowledged: list[str]) -> None:
    async def kept():
        store = await open_store(url)
        users = {line.split()[0] for line in acknowledged}
        found = {f"{user} {event.item_id}" for user in users for event in await store.events(user)}
        await store.close()
        return found

    whole = [line.strip() for line in acknowledged if line.endswith("\n")]
    assert len(whole) > 100
    assert set(whole) - asyncio.run(kept()) == set()


@pytest.mark.parametrize("attempt", range(3))
def test_killing_the_writer_loses_nothing(tmp_path, attempt):
    url = str(tmp_path / "events.sqlite")
    process = start_writer(url)
    lines, reader = read_lines(process)
    while not lines and process.poll() is None:
        time.sleep(0.01)
    time.sleep(random.Random(attempt).uniform(0.3, 0.9))
    process.kill()
    process.wait()
    reader.join()
    process.stdout.close()
    check_kept(url, lines)


def test_killing_redis_loses_nothing(start_redis, tmp_path):
    server = start_redis(tmp_path)
    process = start_writer(server.url)
    lines, reader = read_lines(process)
    while not lines and process.poll() is None:
        time.sleep(0.01)
    time.sleep(0.7)
    server.kill()
    process.wait(20)
    reader.join()
    process.stdout.close()
    server.start()
    check_kept(server.url, lines)
