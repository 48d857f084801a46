"""What ranking needs of a catalogue, and the training of one ranker in a line."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from tfrec.config import RankingConfig
from tfrec.data.histories import Histories
from tfrec.data.item_content import ItemContent
from tfrec.ranking.features import GROUPS, PairFeatures
from tfrec.ranking.learner import Learner
from tfrec.ranking.lists import TrainingLists
from tfrec.ranking.ranker import Ranker
from tfrec.retrieval.retriever import Retriever

NEWEST = 0.1


def build_pair_features(
    histories: Histories,
    content: ItemContent,
    retriever: Retriever,
    *,
    neighbours_kept: int,
    groups: Sequence[str] = tuple(GROUPS),
    remembered: bool = False,
) -> PairFeatures:
    """The feature layer of a catalogue: counts and co-occurrence from `histories`, item vectors from retrieval.

    With `remembered`, recall's own co-occurrence is that of these histories, and is not counted again.
    """
    items, slots = content.category.shape
    language, vocabulary, blend = content.language, content.spec.vocabulary, retriever.model.blend
    space = blend.content
    if remembered and blend.neighbours == neighbours_kept:
        rows, cosines = blend.neighbour.numpy(), blend.cosine.numpy()
    else:
        met = blend.count(histories, items - 1 - content.added, neighbours_kept)
        rows, cosines = (np.pad(table, ((0, content.added), (0, 0))) for table in met)
    layer = PairFeatures(
        items,
        retriever.vectors.shape[1],
        text_dim=language.shape[1],
        content_dim=space.shape[1],
        neighbours=neighbours_kept,
        categories=len(vocabulary) + 1 if vocabulary else 0,
        slots=slots,
        groups=groups,
    )
    layer.set_tables(
        counts=np.append(0, histories.counts(items - 1)),
        recent=np.append(0, newest(histories).counts(items - 1)),
        added=content.added,
        vectors=retriever.vectors,
        language=language,
        content=space,
        category=content.category,
        neighbour=rows,
        cosine=cosines,
    )
    return layer


def newest(histories: Histories) -> Histories:
    """The newest tenth of all interactions, those at the same time as the first of them included."""
    if not len(histories.time):
        return histories
    return histories.keep(histories.time >= np.quantile(histories.time, 1 - NEWEST))


def fit_ranker(
    lists: TrainingLists,
    tables: tuple[Any, Any],
    config: RankingConfig,
    *,
    seed: int,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Ranker:
    """`Learner.fit` once: a ranker that has learned from the lists.

    Args:
        lists: training lists.
        tables: vectors of the item space and of the content space, `[rows, …]` each.
        config: settings.
        seed: of weights and shuffling; each further member of an ensemble has the next one.
        callbacks: further ones, such as a progress bar.
    """
    return Learner(tables, config).fit(lists, seed=seed, callbacks=callbacks)
