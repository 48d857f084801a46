"""What a ranker is trained to get right: single items, pairs, or the whole list.

Every loss takes labels and scores `[batch, list]` and gives one value for each list, so that a Keras
`sample_weight` `[batch]` weighs lists and a long list counts no more than a short one. **A label below 0
masks its place** (padding): the score there has no influence and gets no gradient. A list that cannot teach
the order of anything (all masked, or all labels equal for a pair loss, or no relevant item for a list loss)
has the loss 0 and the gradient 0.

`make_loss(name)` gives one by name. Formulas: y = labels, s = scores, sums run over the unmasked places of
one list.
"""

import math
from abc import abstractmethod
from typing import Any

import keras
import keras_rs
from keras import ops

Tensor = Any


def pointwise_loss(labels: Tensor, scores: Tensor, *, mask: Tensor) -> Tensor:
    """Mean binary cross-entropy `−mean_i [y_i log σ(s_i) + (1 − y_i) log(1 − σ(s_i))]`.

    Labels and scores float, mask bool, all `[batch, list]` → `[batch]`. A label above 1 counts as 1.
    """
    losses = ops.binary_crossentropy(ops.minimum(labels, 1.0), scores, from_logits=True)
    return _mean(losses, ops.cast(mask, scores.dtype))


def pointwise_squared_loss(labels: Tensor, scores: Tensor, *, mask: Tensor) -> Tensor:
    """Mean squared error `mean_i (y_i − s_i)²`: regression of a rating or another grade.

    Labels and scores float, mask bool, all `[batch, list]` → `[batch]`. An item nobody graded is 0, or masked where
    its grade is unknown.
    """
    return _mean(ops.square(labels - scores), ops.cast(mask, scores.dtype))


def listwise_softmax_loss(labels: Tensor, scores: Tensor, *, mask: Tensor) -> Tensor:
    """Cross-entropy of the labels' shares and the scores' softmax: `−Σ_i y_i/Σ_j y_j · log softmax(s)_i`.

    Labels and scores float, mask bool, all `[batch, list]` → `[batch]`, in nats. 0 without a positive label.
    ListNet's top-one loss (Cao et al. 2007, "Learning to Rank: From Pairwise Approach to
    Listwise Approach") with linear gains; with one positive it is the sampled softmax.
    """
    log_share = ops.log_softmax(ops.where(mask, scores, -1e4))
    return _mean(-ops.where(mask, log_share, 0.0), labels)


def approx_ndcg_loss(labels: Tensor, scores: Tensor, *, mask: Tensor, temperature: float = 0.1) -> Tensor:
    """1 − NDCG with soft ranks: `1 − Σ_i (2^y_i − 1) / log2(1 + r_i) / maxDCG`.

    The soft rank is `r_i = 1 + Σ_{j≠i} σ((s_j − s_i) / temperature)`, so equal scores share the mean of their
    ranks. Labels and scores float, mask bool, all `[batch, list]` → `[batch]` in [0, 1); 0 without a
    positive label. Qin, Liu & Li 2010, "A General Approximation
    Framework for Direct Optimization of Information Retrieval Measures"; the temperature as in Bruch et al.
    2019, "Revisiting Approximate Metric Optimization in the Age of Deep Neural Networks".
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
    """The contract of this module: the mask is read from the labels, a child gives one value a list.

    Args:
        label_smoothing: ε in [0, 1): labels become `(1 − ε) y + ε mean(y)`, so that their sum stays. It says how far a
            label is to be believed (Szegedy et al. 2016); the order of labels stays too, and a pair loss that asks
            for nothing else does not change.
    """

    def __init__(self, label_smoothing: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"`label_smoothing` must lie in [0, 1). Received: {label_smoothing}")
        self.label_smoothing = label_smoothing

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Labels and scores `[batch, list]` → losses `[batch]`."""
        mask = y_true >= 0
        labels = ops.where(mask, y_true, 0.0)
        if self.label_smoothing:
            mean = _mean(labels, ops.cast(mask, labels.dtype))[:, None]
            labels += self.label_smoothing * (ops.where(mask, mean, 0.0) - labels)
        return self.per_list(labels, ops.where(mask, y_pred, 0.0), mask)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"label_smoothing": self.label_smoothing}

    @abstractmethod
    def per_list(self, labels: Tensor, scores: Tensor, mask: Tensor) -> Tensor:
        """Losses `[batch]` of labels and scores that are 0 where `mask` is False."""


@keras.saving.register_keras_serializable("tfrec")
class PointwiseLoss(RankingLoss):
    """See `pointwise_loss`."""

    def per_list(self, labels: Tensor, scores: Tensor, mask: Tensor) -> Tensor:
        return pointwise_loss(labels, scores, mask=mask)


@keras.saving.register_keras_serializable("tfrec")
class PointwiseSquaredLoss(RankingLoss):
    """See `pointwise_squared_loss`."""

    def per_list(self, labels: Tensor, scores: Tensor, mask: Tensor) -> Tensor:
        return pointwise_squared_loss(labels, scores, mask=mask)


@keras.saving.register_keras_serializable("tfrec")
class PairwiseHingeLoss(RankingLoss):
    """Mean over the pairs with y_i > y_j of `max(0, 1 − (s_i − s_j))`, by keras-rs. Equal labels: no pair."""

    pairs = keras_rs.losses.PairwiseHingeLoss()

    def per_list(self, labels: Tensor, scores: Tensor, mask: Tensor) -> Tensor:
        losses, is_pair = self.pairs.compute_unreduced_loss(labels, scores, mask)
        return ops.divide_no_nan(ops.sum(losses * is_pair, axis=(1, 2)), ops.sum(is_pair, axis=(1, 2)))


class _SmoothLogistic(keras_rs.losses.PairwiseLogisticLoss):
    """keras-rs's values, but a gradient of −1/2 at equal scores, not 0: a ranker may start from zeros."""

    def pairwise_loss(self, pairwise_logits: Tensor) -> Tensor:
        return ops.softplus(-pairwise_logits)


@keras.saving.register_keras_serializable("tfrec")
class PairwiseLogisticLoss(PairwiseHingeLoss):
    """Mean over the pairs with y_i > y_j of `log(1 + exp(−(s_i − s_j)))`, by keras-rs (RankNet)."""

    pairs = _SmoothLogistic()


class _SquaredMargin(keras_rs.losses.PairwiseHingeLoss):
    """keras-rs's own squared loss also pulls equal labels together: here they are no pair, as in the others."""

    def pairwise_loss(self, pairwise_logits: Tensor) -> Tensor:
        return ops.square(1.0 - pairwise_logits)


@keras.saving.register_keras_serializable("tfrec")
class PairwiseSquaredLoss(PairwiseHingeLoss):
    """Mean over the pairs with y_i > y_j of `(1 − (s_i − s_j))²`, over the pairs of keras-rs."""

    pairs = _SquaredMargin()


@keras.saving.register_keras_serializable("tfrec")
class ListwiseSoftmaxLoss(RankingLoss):
    """See `listwise_softmax_loss`."""

    def per_list(self, labels: Tensor, scores: Tensor, mask: Tensor) -> Tensor:
        return listwise_softmax_loss(labels, scores, mask=mask)


@keras.saving.register_keras_serializable("tfrec")
class ListMLELoss(RankingLoss):
    """`Σ_i [log Σ_{j≥i} exp(s_j) − s_i]` over the items by falling label, by keras-rs (Xia et al. 2008).

    It learns a whole order, so it is meant for graded labels. Equal labels are put in a new random order each
    time, as in the paper: in their given order the loss would teach the accidental order of the candidates.

    Args:
        seed: of the random order.
    """

    likelihood = keras_rs.losses.ListMLELoss()

    def __init__(self, seed: int = 0, **kwargs: Any):
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def per_list(self, labels: Tensor, scores: Tensor, mask: Tensor) -> Tensor:
        order = ops.argsort(keras.random.uniform(ops.shape(labels), seed=self.seed_generator))
        labels, scores, mask = (ops.take_along_axis(x, order, axis=1) for x in (labels, scores, mask))
        return self.likelihood.compute_unreduced_loss(labels, scores, mask)[0][:, 0]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"seed": self.seed}


@keras.saving.register_keras_serializable("tfrec")
class ApproxNDCGLoss(RankingLoss):
    """See `approx_ndcg_loss`.

    Args:
        temperature: in units of the score; a smaller one is nearer to NDCG and has steeper gradients.
    """

    def __init__(self, temperature: float = 0.1, **kwargs: Any):
        super().__init__(**kwargs)
        if temperature <= 0:
            raise ValueError(f"`temperature` must be positive. Received: {temperature}")
        self.temperature = temperature

    def per_list(self, labels: Tensor, scores: Tensor, mask: Tensor) -> Tensor:
        return approx_ndcg_loss(labels, scores, mask=mask, temperature=self.temperature)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"temperature": self.temperature}


LOSSES: dict[str, type[RankingLoss]] = {
    "pointwise": PointwiseLoss,
    "pointwise_squared": PointwiseSquaredLoss,
    "pairwise": PairwiseLogisticLoss,
    "pairwise_hinge": PairwiseHingeLoss,
    "pairwise_logistic": PairwiseLogisticLoss,
    "pairwise_squared": PairwiseSquaredLoss,
    "listwise": ListwiseSoftmaxLoss,
    "listwise_softmax": ListwiseSoftmaxLoss,
    "list_mle": ListMLELoss,
    "approx_ndcg": ApproxNDCGLoss,
}


def make_loss(name: str, *, label_smoothing: float = 0.0) -> RankingLoss:
    """The loss called `name`, a key of `LOSSES`; "pairwise" is the logistic one, "listwise" the softmax."""
    if name not in LOSSES:
        raise ValueError(f"`name` must be one of {', '.join(LOSSES)}. Received: {name!r}")
    return LOSSES[name](label_smoothing=label_smoothing)


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean of every list, 0 where the weights are all 0: `[batch, list]` → `[batch]`."""
    return ops.divide_no_nan(ops.sum(values * weights, axis=-1), ops.sum(weights, axis=-1))


def _discounted(gain: Tensor, rank: Tensor) -> Tensor:
    """DCG `[batch]` of gains at (soft) ranks counted from 1."""
    return ops.sum(gain * math.log(2) / ops.log1p(rank), axis=-1)
