"""Diversity: a slate that is relevant without saying the same thing ten times. MMR and a greedy DPP.

Both look at the vectors of the candidates and trade relevance against likeness by one strength λ of the request. At
place p of the slate, from 1, it is `λ_p = λ^max(1, 20 / p)`: little at the first places, where relevance is worth most,
whole from the 20th on; 0 is no diversity anywhere, 1 is all of it everywhere. Core TensorFlow ops only; nothing is
gathered or computed while nobody asks for diversity.
"""

from typing import Literal

import tensorflow as tf

from tfrec.reranking.draft import ABSENT, Draft, Wishes, clipped, scaled, where_asked
from tfrec.reranking.greedy import choose, without

WHOLE_AT = 20  # place of the slate from which on the strength is all that was asked for
RESIDUAL = 1e-6  # of a candidate's vector outside the span of the chosen ones: below, it says nothing new


class Diversity:
    """The step that spreads a slate.

    Args:
        vectors: float32 `[items, dim]` by row, unit vectors (or zero: similar to nothing).
        method: "mmr" or "dpp".
    """

    def __init__(self, vectors: tf.Tensor, method: Literal["mmr", "dpp"] = "mmr") -> None:
        self.vectors = vectors
        self.method = {"mmr": maximal_marginal_relevance, "dpp": determinantal}[method]

    def __call__(self, draft: Draft, wishes: Wishes) -> Draft:
        strength = clipped(wishes.diversity)
        count = tf.minimum(wishes.longest, tf.shape(draft.rows)[1])

        def spread() -> Draft:
            vectors = tf.gather(self.vectors, draft.rows)
            places, scores = self.method(draft.score, vectors, draft.present, strength, count)
            return draft.led_by(places, wishes.k).scored(scores, wishes.k)

        return where_asked(tf.where(count > 0, strength, 0.0), draft, spread)


def maximal_marginal_relevance(
    relevance: tf.Tensor, vectors: tf.Tensor, valid: tf.Tensor, strength: tf.Tensor, k: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Choose k candidates one by one, each with the largest `(1 − λ_p) rel − λ_p max(0, cos to any chosen)`.

    `rel` is the relevance scaled to [0, 1] over the valid candidates of its row, so that λ means the same on
    any scale of scores. A similarity below 0 counts as 0: nobody is rewarded for being the opposite of
    something, and what a candidate is worth can only fall while others are chosen, so the scores fall too.
    Carbonell & Goldstein 1998, "The Use of MMR, Diversity-Based Reranking for Reordering Documents", with one λ for all
    places.

    Args:
        relevance: float32 `[batch, list]`, on any scale, non-increasing in a row, the valid candidates first.
        vectors: float32 `[batch, list, dim]`, unit vectors (or zero: similar to nothing).
        valid: bool `[batch, list]`; the others are never chosen.
        strength: float32 `[batch]`, λ in [0, 1]: 0 is the order of relevance, 1 looks at it once.
        k: int32 scalar, at most the length of the list.

    Returns:
        The chosen places int32 `[batch, k]` and their scores float32 `[batch, k]`, non-increasing. Of equal
        candidates the earlier comes first. Once the valid candidates are used up: place 0, score `tf.float32.min`.
    """
    trade, likeness = _Trade(relevance, valid, strength, k), _cosines(vectors)

    def update(
        _: tf.Tensor, state: tuple[tf.Tensor, tf.Tensor], i: tf.Tensor, best: tf.Tensor
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
        left, near = without(state[0], best), tf.maximum(state[1], tf.gather(likeness, best, batch_dims=1))
        return trade(left, -near, i + 1), (left, near)

    nothing = tf.zeros_like(trade.left)  # and less is not nearer
    return choose(trade(trade.left, nothing, 0), k, (trade.left, nothing), update)


def determinantal(
    relevance: tf.Tensor, vectors: tf.Tensor, valid: tf.Tensor, strength: tf.Tensor, k: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The greedy mode of a determinantal point process: `(1 − λ_p) rel + λ_p log(what is new in the candidate)`.

    What is new is the squared length of its vector outside the span of all that are chosen, not only outside the
    nearest of them: `det S` of the chosen is the product of these. It is kept up by one row of a Cholesky factor a
    turn. Chen, Zhang & Zhou 2018, "Fast Greedy MAP Inference for Determinantal Point Process", algorithm 1, equation
    11 for the trade. Arguments and results as those of `maximal_marginal_relevance`.
    """
    trade, likeness = _Trade(relevance, valid, strength, k), _cosines(vectors)
    line, new = tf.range(tf.shape(relevance)[0]), tf.ones_like(trade.left)
    # one row of the factor for each turn, [batch, k, list], so that a turn writes a row in place
    factor = tf.zeros([tf.size(line), k, tf.shape(relevance)[1]])

    def update(
        _: tf.Tensor, state: tuple[tf.Tensor, ...], i: tf.Tensor, best: tf.Tensor
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, ...]]:
        left, new, factor = state
        like, length = (tf.gather(part, best, batch_dims=1) for part in (likeness, new))
        known = tf.gather(factor, best, axis=2, batch_dims=1)
        # a sum of products: a product of matrices as small as these costs five times as much to begin
        along = tf.reduce_sum(factor * known[:, :, None], 1)
        row = (like - along) * tf.math.rsqrt(length)[:, None]
        new = tf.maximum(new - tf.square(row), RESIDUAL)
        factor = tf.tensor_scatter_nd_update(factor, tf.stack([line, tf.zeros_like(line) + i], 1), row)
        left = without(left, best)
        return trade(left, tf.math.log(new), i + 1), (left, new, factor)

    return choose(trade(trade.left, tf.zeros_like(new), 0), k, (trade.left, new, factor), update)


class _Trade:
    """What candidates are worth at a turn of the loop: `(1 − λ_p) rel + λ_p news`; the lowest float for what is out.

    Attributes:
        left: float32 `[batch, list]`, 0 for those that may be chosen, the lowest float for others.
    """

    def __init__(self, relevance: tf.Tensor, valid: tf.Tensor, strength: tf.Tensor, k: tf.Tensor) -> None:
        self.relevance = scaled(relevance, valid)
        self.left = tf.where(valid, 0.0, ABSENT)
        place = tf.cast(tf.range(1, k + 2), tf.float32)
        self.shares = tf.pow(strength, tf.maximum(1.0, WHOLE_AT / place)[:, None])[:, :, None]

    def __call__(self, left: tf.Tensor, news: tf.Tensor, turn: tf.Tensor | int) -> tf.Tensor:
        """For news float32 `[batch, list]`, at most 0, and less from turn to turn."""
        share = tf.gather(self.shares, turn)
        return (1.0 - share) * self.relevance + share * news + left


def _cosines(vectors: tf.Tensor) -> tf.Tensor:
    """Of all pairs, float32 `[batch, list, list]`."""
    return tf.matmul(vectors, vectors, transpose_b=True)
