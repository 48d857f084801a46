"""The trained models of one fit, together."""

from dataclasses import dataclass, replace

import numpy as np

from tfrec.data.item_content import ItemContent
from tfrec.ranking.ranker import Ranker
from tfrec.reranking.slate_model import SlateModel
from tfrec.reranking.slates import Slates
from tfrec.retrieval.growth import grown
from tfrec.retrieval.two_tower import TwoTower


@dataclass(frozen=True, eq=False)
class Stages:
    """What a fit gives.

    Args:
        two_tower: recall.
        ranker: ranking.
        epochs: how many epochs recall took on the past, before it caught up.
        slate_model: corrects the order of ranking; None = nothing was found to correct.
        slates: what the slate model learned from; None = they are not at hand.
    """

    two_tower: TwoTower
    ranker: Ranker
    epochs: int
    slate_model: SlateModel | None = None
    slates: Slates | None = None

    def grown(self, content: ItemContent) -> "Stages":
        """For a catalogue with `content.added` items that came after training; nothing is learned of them."""
        two_tower = grown(self.two_tower, content)
        rows = len(content.table)
        new = two_tower.item_vectors()[rows - content.added :]
        vectors = np.concatenate([self.ranker.vectors.numpy(), new])
        ranker = self.ranker.with_tables(vectors, two_tower.blend.content)
        ranker.set_new(two_tower.candidate.warm)
        return replace(self, two_tower=two_tower, ranker=ranker)
