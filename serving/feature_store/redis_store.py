"""The store for several gateways: a Redis server whose append-only file is synced before it answers."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import redis.asyncio
from redis.asyncio import BlockingConnectionPool
from redis.exceptions import RedisError, ResponseError

from serving.feature_store.events import Event
from serving.feature_store.store import KEPT, Entry, StoreError, lanes

CONNECTIONS = 32  # of one gateway; a call waits for a free one
WAIT_SECONDS = 5.0

# KEYS: the list of events, the ids of those kept. ARGV: how many are kept, then (id, time, event) for each.
_APPEND = """
for i = 2, #ARGV, 3 do
  if ARGV[i] == '' or redis.call('ZADD', KEYS[2], 'NX', ARGV[i + 1], ARGV[i]) == 1 then
    redis.call('RPUSH', KEYS[1], ARGV[i + 2])
  end
end
redis.call('LTRIM', KEYS[1], -ARGV[1], -1)
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -ARGV[1] - 1)
"""


@contextmanager
def _as_store_error() -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        raise StoreError(f"Redis does not answer: {error}.") from error


class RedisStore:
    """Events in a Redis server, two lists for each user. As FeatureStore; made by `connect`."""

    def __init__(self, client: "redis.asyncio.Redis"):
        self._client = client
        self._append = client.register_script(_APPEND)

    @classmethod
    async def connect(cls, url: str) -> "RedisStore":
        """The store at redis://host:port/db.

        Redis is asked whether it syncs every write to disk. A managed Redis may refuse to say: the query
        `?durability=unchecked` in the URL leaves the question out, and the promise to whoever runs it.

        Raises:
            StoreError: Redis does not answer, or acknowledges writes that are not on disk.
        """
        address, _, query = url.partition("?")
        pool = BlockingConnectionPool.from_url(
            address, max_connections=CONNECTIONS, timeout=WAIT_SECONDS, decode_responses=True
        )
        client = redis.asyncio.Redis.from_pool(pool)
        try:
            with _as_store_error():
                await client.ping()
            if query != "durability=unchecked":
                await _check_durability(client)
        except StoreError:
            await client.aclose()
            raise
        return cls(client)

    async def append(self, entries: Sequence[Entry]) -> None:
        with _as_store_error():
            async with self._client.pipeline(transaction=False) as pipeline:
                for user, impression, events in lanes(entries):
                    values = [part for event in events for part in _parts(event)]
                    await self._append(keys=_keys(user)[impression], args=[KEPT, *values], client=pipeline)
                await pipeline.execute()

    async def events(self, user: str) -> list[Event]:
        with _as_store_error():
            async with self._client.pipeline(transaction=False) as pipeline:
                for events, _ in _keys(user):
                    pipeline.lrange(events, 0, -1)
                return [Event(*json.loads(text)) for lane in await pipeline.execute() for text in lane]

    async def erase(self, user: str) -> int:
        (interactions, ids), (impressions, more_ids) = _keys(user)
        with _as_store_error():
            async with self._client.pipeline(transaction=True) as pipeline:
                pipeline.llen(interactions)
                pipeline.llen(impressions)
                pipeline.delete(interactions, ids, impressions, more_ids)
                first, second, _ = await pipeline.execute()
        return first + second

    async def close(self) -> None:
        await self._client.aclose()


def _keys(user: str) -> tuple[list[str], list[str]]:
    """(events, ids) of interactions and of impressions; the braces keep them on one shard of a cluster."""
    stem = f"tfrec:{{{user}}}"
    return [f"{stem}:events", f"{stem}:ids"], [f"{stem}:impressions", f"{stem}:impression-ids"]


def _parts(event: Event) -> tuple[str, float, str]:
    fields = [event.kind, event.item_id, event.time, event.session, event.event_id]
    return event.event_id, event.time, json.dumps(fields)


async def _check_durability(client: "redis.asyncio.Redis") -> None:
    try:
        settings = await client.config_get("append*")
    except ResponseError as error:
        raise StoreError(
            f"Redis does not tell whether it syncs its writes ({error}). Add ?durability=unchecked to the URL if "
            "its operator promises that."
        ) from error
    found = (settings.get("appendonly"), settings.get("appendfsync"))
    if found != ("yes", "always"):
        raise StoreError(
            "An acknowledged event must be on disk: start Redis with `--appendonly yes --appendfsync always`. "
            f"Received: appendonly {found[0]}, appendfsync {found[1]}."
        )
