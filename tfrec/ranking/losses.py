"""What a ranker is trained to get right: single items, pairs, or the whole list.

Every loss takes labels and scores `[batch, list]` and gives one value for each list, so that a Keras `sample_weight`
`[batch]` weighs lists and a long list counts no more than a short one. **A label below 0 masks its place** (padding):
the score there has no influence and gets no gradient. A list that cannot teach the order of anything (all masked, or
all labels equal for a pair loss, or no relevant item for a list loss) has the loss 0 and the gradient 0.

`make_loss(name)` gives one by name. Formulas: y = labels, s = scores, sums run over the unmasked places of one list.
"""

import math
from abc import abstractmethod
from typing import Any

import keras
import keras_rs
from keras import ops

Tensor = Any


def pointwise_loss(labels: Tensor, scores: Tensor, *, mask: Tensor) -> Tensor:
    """Mean binary cross-entropy of the unmasked items: `−mean_i [y_i log σ(s_i) + (1 − y_i) log(1 − σ(s_i))]`.

    Labels and scores float `[batch, list]`, mask bool `[batch, list]` → `[batch]`. A label above 1 counts as 1.
    """
    losses = ops.binary_crossentropy(ops.minimum(labels, 1.0), scores, from_logits=True)
    return _mean(losses, ops.cast(mask, scores.dtype))


def listwise_softmax_loss(labels: Tensor, scores: Tensor, *, mask: Tensor) -> Tensor:
    """Cross-entropy between the labels' shares and the softmax of the scores: `−Σ_i y_i/Σ_j y_j · log softmax(s)_i`.

    Labels and scores float `[batch, list]`, mask bool `[batch, list]` → `[batch]`, in nats. 0 without a positive label.
    ListNet's top-one loss (Cao et al. 2007, "Learning to Rank: From Pairwise Approach to Listwise Approach") with linear
    gains; with one positive it is the sampled softmax.
    """
    log_share = ops.log_softmax(ops.where(mask, scores, _far_below(scores)))
    return _mean(-ops.where(mask, log_share, 0.0), labels)


def approx_ndcg_loss(labels: Tensor, scores: Tensor, *, mask: Tensor, temperature: float = 0.1) -> Tensor:
    """`1 − Σ_i (2^y_i − 1) / log2(1 + r_i) / maxDCG` with the soft rank `r_i = 1 + Σ_{j≠i} σ((s_j − s_i) / temperature)`.

    Labels and scores float `[batch, list]`, mask bool `[batch, list]` → `[batch]` in [0, 1). Equal scores share the mean
    of their ranks. 0 without a positive label.
    Qin, Liu & Li 2010, "A General Approximation Framework for Direct Optimization of Information Retrieval Measures";
    the temperature as in Bruch et al. 2019, "Revisiting Approximate Metric Optimization in the Age of Deep Neural Networks".
    """
    others = ops.cast(mask, scores.dtype)[:, None, :]
    ahead = ops.sigmoid((scores[:, None, :] - scores[:, :, None]) / temperature) * others
    rank = 0.5 + ops.sum(ahead, axis=-1)  # an item is half ahead of itself: σ(0)
    gain = ops.where(mask, 2.0**labels - 1.0, 0.0)
    best_gain = ops.flip(ops.sort(gain, axis=-1), axis=-1)
    best_rank = ops.cumsum(ops.ones_like(gain), axis=-1)
    share = ops.divide_no_nan(_discounted(gain, rank), _discounted(best_gain, best_rank))
    return ops.where(ops.any(gain > 0, axis=-1), 1.0 - share, 0.0)


class RankingLoss(keras.losses.Loss):
    """The contract of this module: the mask is read from the labels, and a child computes one value a list."""

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Labels and scores `[batch, list]` → losses `[batch]`."""
        mask = y_true >= 0
        return self.per_list(ops.where(mask, y_true, 0.0), ops.where(mask, y_pred, 0.0), mask)

    @abstractmethod
    def per_list(self, labels: Tensor, scores: Tensor, mask: Tensor) -> Tensor:
        """Losses `[batch]` of labels and scores that are 0 where `mask` is False."""


@keras.saving.register_keras_serializable("tfrec")
class PointwiseLoss(RankingLoss):
    """See `pointwise_loss`."""

    def per_list(self, labels: Tensor, scores: Tensor, mask: Tensor) -> Tensor:
        return pointwise_loss(labels, scores, mask=mask)


@keras.saving.register_keras_serializable("tfrec")
class PairwiseHingeLoss(RankingLoss):
    """Mean over the pairs with y_i > y_j of `max(0, 1 − (s_i − s_j))`, by keras-rs. Equal labels make no pair."""

    formula = keras_rs.losses.PairwiseHingeLoss

    def per_list(self, labels: Tensor, scores: Tensor, mask: Tensor) -> Tensor:
        losses, pairs = self.formula().compute_unreduced_loss(labels, scores, mask)
        return _mean(ops.reshape(losses, _flat(losses)), ops.reshape(pairs, _flat(pairs)))


@keras.saving.register_keras_serializable("tfrec")
class PairwiseLogisticLoss(PairwiseHingeLoss):
    """Mean over the pairs with y_i > y_j of `log(1 + exp(−(s_i − s_j)))`, by keras-rs (RankNet, Burges et al. 2005)."""

    formula = keras_rs.losses.PairwiseLogisticLoss


@keras.saving.register_keras_serializable("tfrec")
class ListwiseSoftmaxLoss(RankingLoss):
    """See `listwise_softmax_loss`."""

    def per_list(self, labels: Tensor, scores: Tensor, mask: Tensor) -> Tensor:
        return listwise_softmax_loss(labels, scores, mask=mask)
