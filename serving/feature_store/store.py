"""The contract of a feature store. Users are keyed by whatever string the caller gives: the gateway gives
pseudonyms, so that no store holds a user id."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Protocol

from serving.feature_store.events import Event

Entry = tuple[str, Event]  # (user, event)

KEPT = 200  # newest events of a user; of impressions as many again


class StoreError(RuntimeError):
    """The store cannot be reached, or cannot promise what it has to; the message says what to do."""


def lanes(entries: Sequence[Entry]) -> Iterator[tuple[str, bool, list[Event]]]:
    """(user, whether impressions, events in their order), each pair once: the units in which a store counts."""

    def key(entry: Entry) -> tuple[str, bool]:
        return entry[0], entry[1].is_impression

    for (user, impression), group in groupby(sorted(entries, key=key), key=key):
        yield user, impression, [event for _, event in group]


class FeatureStore(Protocol):
    """Each user's newest events. For one event loop; several processes may open one store."""

    async def append(self, entries: Sequence[Entry]) -> None:
        """Returns when all entries are durable: from then on neither `kill -9` nor a power cut loses them.

        An entry whose event_id the user already has is passed over. Only the newest KEPT events of a user
        stay, impressions counted apart.

        Raises:
            StoreError: nothing is promised about the entries; they may be sent again under their ids.
        """

    async def events(self, user: str) -> list[Event]:
        """What is kept of one user; [] for a user never seen."""

    async def erase(self, user: str) -> int:
        """Removes all of one user's events, durably, and returns how many there were."""

    async def close(self) -> None:
        """Waits for what is being written, and frees the connection."""
