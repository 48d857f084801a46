"""A tiny world in which only the user's side decides: taste stands in the profile, mood in the moment of asking.

There are six items for each taste and mood. What a user takes next is any of those that fit, whatever came before.
"""

import numpy as np
import pandas as pd

from tests.tiny_world import tiny_config
from tfrec.config import Config
from tfrec.data.dataset import Dataset, make_dataset
from tfrec.schema import Role

TASTES, MOODS, EACH = ("sweet", "salty"), ("calm", "wild"), 6
USERS, EVENTS = 80, 8
DAY, HOURS = (
    1_600_041_600,
    {"calm": 8, "wild": 20},
)  # a Monday, 0:00; the mood is one of mornings or of evenings
NEWCOMERS = {taste: f"new {taste}" for taste in TASTES}  # in the users table, in nobody's history


def item(taste: str, mood: str, number: int) -> str:
    return f"{taste}-{mood}-{number}"


def kind(item_id: str) -> tuple[str, str]:
    """Taste and mood of an item."""
    taste, mood, _ = item_id.split("-")
    return taste, mood


def moment(mood: str, day: int = 0) -> float:
    """Unix seconds at which everybody is in this mood."""
    return DAY + 86400 * day + 3600 * HOURS[mood]


def moody_dataset(*, tells: str = "context") -> Dataset:
    """The tables; a moment's mood stands in a column ("context"), or only in the hour ("time")."""
    rng = np.random.default_rng(0)
    rows = []
    for user in range(USERS):
        taste, shelves = TASTES[user % 2], {mood: list(rng.permutation(EACH)) for mood in MOODS}
        for day, place in enumerate(rng.permutation(EVENTS) % 2):
            mood = MOODS[place]
            rows.append((f"u{user}", item(taste, mood, shelves[mood].pop()), moment(mood, day), mood))
    interactions = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp", "mood"])
    items = pd.DataFrame({"item_id": [item(t, m, n) for t in TASTES for m in MOODS for n in range(EACH)]})
    people = [(f"u{user}", TASTES[user % 2]) for user in range(USERS)] + [
        (id_, t) for t, id_ in NEWCOMERS.items()
    ]
    users = pd.DataFrame(people, columns=["user_id", "taste"])
    role = Role.CONTEXT if tells == "context" else Role.IGNORE
    return make_dataset(
        interactions, items, users, name="moody", roles={"mood": role, "taste": Role.CATEGORICAL}
    )


def moody_config(*settings: str) -> Config:
    return tiny_config("none", "retrieval.epochs=8", "retrieval.batch_events=64", *settings)
