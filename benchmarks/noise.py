"""What real data have too much of: interactions that mean nothing, texts with slips, texts that break off."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from tfrec.data.dataset import Dataset
from tfrec.data.histories import histories, pair_codes
from tfrec.data.splits import split
from tfrec.schema import Role

SLIPS, KEPT, SHORTEST = 0.2, 0.3, 4


def with_random_interactions(dataset: Dataset, share: float, seed: int) -> Dataset:
    """The dataset with `share` as many training interactions again: users by activity, items uniformly.

    Each stands just after one that its user had before the validation target of `last-out`, at the same time, and is
    with an item that this user never meets, so that what is asked later is neither told nor masked. The targets stay.
    """
    whole, items = histories(dataset), len(dataset.item_ids)
    parts, rng = split(whole), np.random.default_rng(seed)
    train, wanted = parts.train, round(share * len(parts.train.item))
    possible = np.flatnonzero(np.isin(train.user, parts.valid.user))
    after = rng.choice(possible, 2 * wanted)
    user, item = train.user[after], rng.integers(items, size=len(after)).astype(np.int32)
    _, first = np.unique(pair_codes(user, item), return_index=True)
    new = np.sort(first[~whole.holds(user[first], item[first])])[:wanted]
    row = train.event[after[new]]
    noise = dataset.interactions.iloc[row].assign(item_id=dataset.item_ids[item[new]])
    order = np.argsort(np.concatenate([np.arange(len(dataset.interactions)), row + 0.5]), kind="stable")
    table = pd.concat([dataset.interactions, noise], ignore_index=True).iloc[order].reset_index(drop=True)
    return replace(dataset, interactions=table)


def with_bad_texts(dataset: Dataset, how: str, seed: int) -> Dataset:
    """The dataset with another `how`, a key of `TEXTS`, in place of every text of its items."""
    rng, items = np.random.default_rng(seed), dataset.items.copy()
    for column in dataset.schema.columns("items", Role.TEXT):
        items[column] = [
            TEXTS[how](text, rng) if isinstance(text, str) else text for text in items[column].astype(object)
        ]
    return replace(dataset, items=items)


def with_typos(text: str, rng: np.random.Generator) -> str:
    """A slip in each fifth longer word: two letters change places, or one is lost or typed twice."""
    words = text.split()
    slips = rng.random(len(words)) < SLIPS
    return " ".join(
        _slip(word, rng) if slip and len(word) >= SHORTEST else word
        for word, slip in zip(words, slips, strict=True)
    )


def _slip(word: str, rng: np.random.Generator) -> str:
    place, kind = int(rng.integers(1, len(word) - 1)), rng.integers(3)
    before, letter, after = word[:place], word[place], word[place + 1 :]
    return before + (after[:1] + letter + after[1:], after, letter + letter + after)[kind]


def truncated(text: str, rng: np.random.Generator) -> str:
    """The first three tenths of the words, one at least."""
    words = text.split()
    return " ".join(words[: max(1, round(KEPT * len(words)))])


TEXTS: dict[str, Callable[[str, np.random.Generator], str]] = {"typos": with_typos, "truncated": truncated}
