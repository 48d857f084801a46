"""A loss that learns from what came next and, where there is one, from a slower model that has read the same slates."""

from typing import Any

import keras
from keras import ops

from tfrec.ranking.losses import listwise_softmax_loss

Tensor = Any


@keras.saving.register_keras_serializable("tfrec")
class DistilledLoss(keras.losses.Loss):
    """The listwise softmax loss, and beside it the cross-entropy to a teacher's distribution.

        loss = (1 − w) · CE(labels, softmax(s)) + w · CE(softmax(t), softmax(s over what t has scored))

    Hinton, Vinyals & Dean 2015, "Distilling the Knowledge in a Neural Network" (arXiv:1503.02531), at temperature 1;
    over the items of a list as in Reddi et al. 2021, "RankDistil". A slate that the teacher has not scored, fewer than
    two of its candidates, has only the first part, in full.

    Args:
        weight: w, in [0, 1].
    """

    def __init__(self, weight: float = 0.5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 <= weight <= 1:
            raise ValueError(f"`weight` must lie in [0, 1]. Received: {weight}")
        self.weight = weight

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Labels (negative = masked) and teacher's scores (NaN = not scored) `[batch, n, 2]`, and scores `[batch, n]` →
        losses `[batch]`."""
        labels, teacher = ops.unstack(y_true, 2, axis=-1)
        mask = labels >= 0
        own = listwise_softmax_loss(ops.where(mask, labels, 0.0), ops.where(mask, y_pred, 0.0), mask=mask)
        scored = ops.logical_and(mask, ops.logical_not(ops.isnan(teacher)))
        share = ops.softmax(ops.where(scored, teacher, -1e9))
        taught = listwise_softmax_loss(
            ops.where(scored, share, 0.0), ops.where(scored, y_pred, 0.0), mask=scored
        )
        weight = ops.where(ops.sum(ops.cast(scored, y_pred.dtype), 1) > 1, self.weight, 0.0)
        return (1 - weight) * own + weight * taught

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"weight": self.weight}
