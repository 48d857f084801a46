"""Several rankers as one model: seeds or folds of one training, of which the mean is steadier than any of them."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tfrec.ranking.ranker import Embedded, Ranker

Tensor = Any


@keras.saving.register_keras_serializable(package="tfrec")
class RankerEnsemble(Ranker):
    """A ranker whose score is the mean of the scores of several (Lakshminarayanan et al. 2017, arXiv:1612.01474).

    All read the same pair features and the same vectors, which are looked up once: the first member is this model
    itself, the others have no tables. Levels and probabilities are those of the mean.

    Args:
        members: how many, at least 2.
        settings: of `Ranker`.
    """

    def __init__(self, *settings: Any, members: int, **more: Any) -> None:
        super().__init__(*settings, **more)
        if members < 2:
            raise ValueError(f"`members` must be at least 2: one ranker is a Ranker. Received: {members}")
        self.members = members
        alike = {**super().get_config(), "items": 0}
        self.others = [Ranker.from_config({**alike, "name": f"member_{n}"}) for n in range(1, members)]

    def logits(self, inputs: dict[str, Tensor], vectors: Embedded, *, training: bool = False) -> Tensor:
        """The mean of the members' scores `[batch, list]`."""
        own = super().logits(inputs, vectors, training=training)
        others = [other.logits(inputs, vectors, training=training) for other in self.others]
        return ops.mean(ops.stack([own, *others]), axis=0)

    def adopt(self, other: Ranker) -> None:
        """Takes over what another ensemble of the same settings, or a ranker for the first member, has learned."""
        super().adopt(other)
        if isinstance(other, RankerEnsemble):
            for ours, theirs in zip(self.others, other.others, strict=True):
                ours.adopt(theirs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "members": self.members}


def join(rankers: Sequence[Ranker]) -> Ranker:
    """One model of rankers with the same settings and tables; of one ranker that ranker."""
    first, *others = rankers
    if not others:
        return first
    whole = RankerEnsemble.from_config({**first.get_config(), "members": len(rankers)})
    whole.adopt(first)
    for member, other in zip(whole.others, others, strict=True):
        member.adopt(other)
    whole.vectors.assign(first.vectors)
    whole.content.assign(first.content)
    return whole
