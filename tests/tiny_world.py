"""A tiny world with an obvious answer: two tastes, and in each a ring of items that everybody walks along.

Whoever took "space-3" takes "space-4" next, whoever took the last item of a ring takes its first. Titles, category,
number and image say which ring an item belongs to, so language alone finds the taste, and behaviour finds the item.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.tiny_bert import tiny_bert
from tfrec.config import Config, load_config
from tfrec.data.dataset import Dataset, make_dataset
from tfrec.schema import Role

WORDS = {"space": "rocket planet star", "küche": "bread butter salt"}  # an id need not be ASCII
TASTES = tuple(WORDS)
MAKERS = ("ada", "bob", "cleo")
RING = 10
USERS = 48
STEPS = 7  # items of a user
COLD = "space-new"  # in the items table, in nobody's history
GHOST = "ghost"  # in one history, not in the items table
ROLES = {
    "title": Role.TEXT, "genres": Role.CATEGORY, "maker": Role.CATEGORICAL, "price": Role.NUMBER, "image": Role.VECTOR,
}  # fmt: skip


def item(taste: str, place: int) -> str:
    """The id at a place of a ring."""
    return f"{taste}-{place % RING}"


def user(number: int) -> str:
    return f"user {number}"


def taste_of(item_id: str) -> str:
    """The ring of an item; the words that a category stands for."""
    return item_id.rpartition("-")[0]


def walk(number: int, steps: int = STEPS) -> list[str]:
    """What a user took, oldest first: `STEPS` neighbours on one ring."""
    taste, start = TASTES[number % 2], 3 * (number // 2)
    return [item(taste, start + step) for step in range(steps)]


def answer(number: int) -> str:
    """The item that a user's last-out split holds out for test: the last of the walk."""
    return walk(number)[-1]


def successor(item_id: str) -> str:
    """The next item of the ring."""
    taste, _, place = item_id.rpartition("-")
    return item(taste, int(place) + 1)


def tiny_dataset() -> Dataset:
    """48 users with 7 items each, 20 items in two rings, one that is new, one that only a history knows."""
    rows = [(user(n), item_id, float(step)) for n in range(USERS) for step, item_id in enumerate(walk(n), 1)]
    rows.append((user(0), GHOST, 0.0))
    interactions = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    ids = [*(item(taste, place) for taste in TASTES for place in range(RING)), COLD]
    items = pd.DataFrame([describe(item_id) for item_id in ids])
    return make_dataset(interactions, items, name="tiny world", roles=ROLES)


def describe(item_id: str) -> dict[str, object]:
    """The columns of an item."""
    taste, _, place = item_id.rpartition("-")
    side = 1.0 if taste == TASTES[0] else -1.0
    number = int(place) if place.isdecimal() else 0
    return {
        "item_id": item_id,
        "title": f"{WORDS[taste]} {'abcdefghij'[number]}",
        "genres": f"{taste}|{'odd' if number % 2 else 'even'}",
        "maker": MAKERS[number % 3],
        "price": np.nan if place == "new" else side * number,
        "image": [side, 1.0, 0.1 * number],
    }


def tiny_encoder(folder: Path) -> Path:
    """A language model that knows the words of this world."""
    words = " ".join([*WORDS.values(), *MAKERS, "space kuche odd even"]).split()  # BERT takes accents away
    return tiny_bert(folder, words)


def tiny_config(encoder: str | Path = "none", *settings: str) -> Config:
    """Settings under which the world is learned in seconds; `settings` are put on top."""
    small = [
        f"text.encoder={encoder}", "text.sequence_length=24",
        "retrieval.dim=16", "retrieval.length=8", "retrieval.blocks=1", "retrieval.dropout=0.0",
        "retrieval.learning_rate=0.02", "retrieval.batch_events=16", "retrieval.epochs=20", "retrieval.patience=3",
        "ranking.candidates=10", "ranking.neighbours=8", "ranking.units=8", "ranking.learning_rate=0.01",
        "ranking.batch=8", "ranking.epochs=8", "reranking.slate_model=false",
        "reranking.diversity=0",
        "export.k=8", "export.retrieve_k=12",
    ]  # fmt: skip
    return load_config(None, [*small, *settings])


BLANK = {
    "user_id": "", "history": (), "query_text": "", "exclude": (), "allow_category": (), "candidates": (),
    "diversity": 0.0, "k": 8,
    "liked": (), "disliked": (), "shown": (), "fairness": 0.0, "exploration": 0.0, "language": "",
}  # fmt: skip
KNOWN, NOBODY = {"user_id": user(3)}, {"user_id": "nobody"}
SHORT, LONG = walk(0, 3), [*walk(5, 8), "no such item"]
REQUESTS: list[dict[str, Any]] = [
    KNOWN,
    NOBODY,
    {**NOBODY, "history": SHORT},
    {**KNOWN, "history": LONG, "k": 3},
    {**NOBODY, "query_text": WORDS["küche"]},
    {**KNOWN, "query_text": "rocket", "diversity": 0.4},
    {**KNOWN, "exclude": [item("küche", 0), item("küche", 1)], "diversity": 1.0},
    {**NOBODY, "history": SHORT, "allow_category": ["küche", "no such category"]},
    {**NOBODY, "history": ["no such item", "nor this"], "k": 1},
    {
        **KNOWN,
        "liked": walk(6, 2),
        "disliked": [item("space", 1)],
        "shown": [item("space", 8), "no such item"],
        "language": "zh",
    },
    {**NOBODY, "history": SHORT, "fairness": 1.0, "exploration": 0.2},
    {"user_id": user(8), "allow_category": ["no such category"]},
]


def inputs(names: Iterable[str], *requests: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Requests as the named inputs of a signature; what a request leaves out is `BLANK`."""
    filled = [{**BLANK, **request} for request in requests]
    return {name: _array(name, [request[name] for request in filled]) for name in names}


def _array(name: str, values: list[Any]) -> np.ndarray:
    if name in ("user_id", "query_text", "language"):
        return np.array(values, object)
    if name in ("k", "diversity", "fairness", "exploration"):
        return np.array(values, np.int32 if name == "k" else np.float32)
    return strings(*values)


def strings(*rows: Sequence[str]) -> np.ndarray:
    """string `[batch, width]` as a client sends it: "" in column 0, short rows filled up with ""."""
    width = 1 + max(map(len, rows))
    return np.array([["", *row, *[""] * (width - 1 - len(row))] for row in rows], object)
