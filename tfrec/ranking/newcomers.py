"""Items that nobody has taken yet, as the ranker must learn to read them: others are taken for new.

A ranker whose lists hold only items with interactions puts a new item last: it has no popularity, no co-occurrence and
a vector that content alone has placed. So some lists come from worlds in which a share of the items has no past.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from tfrec.data.histories import Histories
from tfrec.data.item_content import ItemContent
from tfrec.data.moments import Moments
from tfrec.ranking.fit import build_pair_features
from tfrec.ranking.lists import TrainingLists, make_lists
from tfrec.retrieval.growth import copy_weights
from tfrec.retrieval.retriever import Retriever
from tfrec.retrieval.two_tower import TwoTower

WORLDS = 2


def as_if_new(model: TwoTower, hidden: np.ndarray) -> TwoTower:
    """The towers as they would be if the items that `hidden`, bool `[items]`, marks had no interactions.

    Nothing is trained anew: what others have learned from their company with these items stays.
    """
    twin, unknown = TwoTower.from_config(model.get_config()), np.append(False, hidden)
    copy_weights(model, twin)
    twin.candidate.warm.assign(np.where(unknown, 0, twin.candidate.warm.numpy()))
    blend = twin.blend
    blend.cosine.assign(
        np.where(unknown[blend.neighbour.numpy()] | unknown[:, None], 0, blend.cosine.numpy())
    )
    return twin


def lists_with_newcomers(
    model: TwoTower,
    earlier: Histories,
    full: Histories,
    moments: Moments,
    content: ItemContent,
    *,
    share: float,
    seed: int,
    neighbours_kept: int,
    groups: tuple[str, ...],
    **asked: Any,
) -> tuple[TrainingLists, np.ndarray]:
    """Lists of worlds in each of which another `share` of the items is new; each moment is asked in one of them.

    Args:
        model, earlier: as for the lists without newcomers.
        full, moments: likewise.
        content: of the catalogue.
        share: of the items, at most 1 / `WORLDS`.
        seed: of what is drawn.
        neighbours_kept, groups: as of `build_pair_features`.
        asked: as of `make_lists`.

    Returns:
        the lists, in which a new item is `row + items`; and vectors float32 `[items, dim]`, those of new items.
    """
    items, rng = len(content.table) - 1, np.random.default_rng(seed)
    worlds = np.array_split(rng.permutation(items)[: int(WORLDS * share * items)], WORLDS)
    world_of, vectors = rng.integers(WORLDS, size=len(moments)), np.zeros((items + 1, model.candidate.dim))
    found: list[TrainingLists] = []
    for world, new in enumerate(worlds):
        hidden = np.isin(np.arange(items), new)
        retriever = Retriever(as_if_new(model, hidden))
        vectors[new + 1] = tf.gather(retriever.vectors, new + 1)
        features = build_pair_features(
            earlier.without(hidden), content, retriever, neighbours_kept=neighbours_kept, groups=groups
        )
        part = moments.take(np.flatnonzero(world_of == world))
        lists = make_lists(retriever, features, full, part, unknown=hidden, **asked)
        rows = lists.inputs["candidates"]
        rows += np.append(False, hidden)[rows] * np.int32(items + 1)
        found.append(lists)
    first, *others = found
    for lists in others:
        first = first.with_more(lists)
    return first, vectors.astype(np.float32)
