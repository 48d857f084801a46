"""The trained models of one fit, together."""

from dataclasses import dataclass

from tfrec.ranking.ranker import Ranker
from tfrec.retrieval.two_tower import TwoTower


@dataclass(frozen=True, eq=False)
class Stages:
    """What a fit gives.

    Args:
        two_tower: recall.
        ranker: ranking.
        epochs: how many epochs recall took on the past, before it caught up.
    """

    two_tower: TwoTower
    ranker: Ranker
    epochs: int
