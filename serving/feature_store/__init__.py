"""What users did a moment ago, kept durably and read in a millisecond: the memory of the gateway.

store = await open_store("events.sqlite")            # or redis://host:6379/0
await store.append([("u1", Event("click", "item-7", time.time()))])
features_of(await store.events("u1")).history         # → ("item-7",)
"""

from serving.feature_store.events import INTERACTIONS, KINDS, Event, UserFeatures, features_of
from serving.feature_store.store import KEPT, FeatureStore, StoreError

__all__ = [
    "INTERACTIONS",
    "KEPT",
    "KINDS",
    "Event",
    "FeatureStore",
    "StoreError",
    "UserFeatures",
    "features_of",
    "open_store",
]


async def open_store(url: str) -> FeatureStore:
    """The store at a redis:// URL, or else the SQLite file of that path.

    Raises:
        StoreError: it cannot be opened, or cannot keep what it acknowledges.
    """
    if url.startswith(("redis://", "rediss://", "unix://")):
        from serving.feature_store.redis_store import RedisStore

        return await RedisStore.connect(url)
    from serving.feature_store.sqlite_store import SqliteStore

    return SqliteStore(url)
