"""Makes the snapshot that drift is measured against: the model's lists for users of its own training data."""

import asyncio
import json
import os
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from serving.client import AsyncClient, Query
from serving.feature_store import features_of
from serving.gateway.histories import read_histories
from serving.gateway.monitoring.drift import Bins, Snapshot, observe

AT_A_TIME = 8


async def make_snapshot(
    client: AsyncClient,
    interactions: Path,
    *,
    users: int = 2_000,
    k: int = 10,
    popular: int = 100,
    seed: int = 0,
) -> Snapshot:
    """Asks the model for `users` users drawn from the table, with the history that each has there.

    Args:
        k: items of a list; the same as live requests mostly ask for.
        popular: items of the model's list for nobody that count as popular, as in the gateway.

    Raises:
        ServingError: the model does not answer.
    """
    histories = {user: features_of(events).history for user, events in read_histories(interactions)}
    drawn = random.Random(seed).sample(sorted(histories), min(users, len(histories)))
    head = await client.recommend(k=popular)
    known = {item.item_id for item in head}
    values: dict[str, list[float]] = defaultdict(list)
    gate = asyncio.Semaphore(AT_A_TIME)

    async def ask(user: str, history: Sequence[str]) -> None:
        async with gate:
            (slate,) = await client.recommend_batch([Query(user, history)], k=k)
        for name, value in observe(history, slate, known).items():
            values[name].append(value)

    await asyncio.gather(*(ask(user, histories[user]) for user in drawn))
    return Snapshot(
        model_version=head.version,
        users=len(drawn),
        items=len({item for history in histories.values() for item in history}),
        features={name: Bins.of(found) for name, found in values.items() if len(found) > 1},
    )


def save_snapshot(snapshot: Snapshot, path: Path) -> None:
    """Writes it aside and renames it."""
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    aside.write_text(json.dumps(asdict(snapshot), indent=2), encoding="utf-8")
    os.replace(aside, path)
