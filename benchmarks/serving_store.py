"""The embedded feature store with the histories of a million users: how long a read takes, beside writes too.

    python -m benchmarks.serving_store [--users 1000000] [--events 10] [--folder DIR] [--out FILE.json]

Reads go to users drawn at random, first alone, then while events are appended one after the other (each append
waits for its fsync). The target: read p99 ≤ 2 ms.
"""

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import describe_machine
from benchmarks.raw_result import show_and_keep
from serving.feature_store import Event, FeatureStore, features_of, open_store

CHUNK = 20_000  # users of one transaction
READS = 20_000


def user_name(number: int) -> str:
    """22 characters, as long as a pseudonym; sorted as counted, so that the file fills from left to right."""
    return f"user-{number:017d}"


async def fill(store: FeatureStore, users: int, events: int) -> None:
    """Appends `events` clicks for each user."""
    for start in range(0, users, CHUNK):
        await store.append(
            [
                (
                    user_name(number),
                    Event("click", f"item-{(number * 31 + n) % 50_000}", float(n), "s", f"{n}"),
                )
                for number in range(start, min(users, start + CHUNK))
                for n in range(events)
            ]
        )


async def read(store: FeatureStore, users: int, count: int) -> dict[str, float]:
    """Milliseconds of `count` reads of random users, features included; by the clock, and of processor time alone,
    which other programs on the machine do not lengthen."""
    random_users = random.Random(0)
    times, own = [], []
    for _ in range(count):
        user = user_name(random_users.randrange(users))
        start, start_own = time.perf_counter(), time.thread_time()
        found = features_of(await store.events(user))
        times.append(1e3 * (time.perf_counter() - start))
        own.append(1e3 * (time.thread_time() - start_own))
        if not found.history:
            raise RuntimeError(f"user {user} has no history")
        await asyncio.sleep(0)
    return {**_percentiles(times), "processor_p99": _percentiles(own)["p99"]}


async def write(store: FeatureStore, users: int, stop: asyncio.Event) -> list[float]:
    """Milliseconds of one append after the other until told to stop."""
    times = []
    while not stop.is_set():
        event = Event("click", "item-1", time.time(), "s", f"w{len(times)}")
        start = time.perf_counter()
        await store.append([(user_name(random.randrange(users)), event)])
        times.append(1e3 * (time.perf_counter() - start))
    return times


async def measure(folder: Path, users: int, events: int) -> dict[str, Any]:
    """All figures."""
    path = folder / "events.sqlite"
    store = await open_store(str(path))
    start = time.perf_counter()
    await fill(store, users, events)
    filled = time.perf_counter() - start
    stop = asyncio.Event()
    alone = await read(store, users, READS)
    writing = asyncio.create_task(write(store, users, stop))
    beside_writes = await read(store, users, READS)
    stop.set()
    appends = await writing
    await store.close()
    return {
        "users": users,
        "events_per_user": events,
        "fill_s": round(filled, 1),
        "file_mb": round(path.stat().st_size / 1e6),
        "read_ms": alone,
        "read_ms_beside_writes": beside_writes,
        "append_ms": _percentiles(appends),
    }


def _percentiles(times: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(times, n=100)
    return {
        "p50": round(cuts[49], 3),
        "p99": round(cuts[98], 3),
        "max": round(max(times), 3),
        "count": len(times),
    }


def main() -> None:
    """Prints the figures, and writes them to --out."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=10)
    parser.add_argument("--folder", type=Path, help="where the store is made; a temporary folder by default")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    machine = describe_machine()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        figures = asyncio.run(measure(Path(folder), options.users, options.events))
    figures = {"machine": machine, **figures}
    show_and_keep(figures, options.out)


if __name__ == "__main__":
    main()
