"""Diversity: a slate that is relevant without saying the same thing ten times. MMR and a greedy DPP.

Both look at the vectors of the candidates and trade relevance against likeness by one strength λ of the request. Core
TensorFlow ops only; nothing is gathered or computed while nobody asks for diversity.
"""

from typing import Literal

import tensorflow as tf

from tfrec.reranking.draft import ABSENT, Draft, Wishes, clipped, scaled, where_asked
from tfrec.reranking.greedy import choose, without

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
    """Choose k candidates one by one, each with the largest `(1 − λ) rel − λ max(0, cos to any chosen)`.

    `rel` is the relevance scaled to [0, 1] over the valid candidates of its row, so that λ means the same on
    any scale of scores. A similarity below 0 counts as 0: nobody is rewarded for being the opposite of
    something, and what a candidate is worth can only fall while others are chosen, so the scores fall too.
    Carbonell & Goldstein 1998, "The Use of MMR, Diversity-Based Reranking for Reordering Documents".

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
    strength = strength[:, None]
    relevance = (1.0 - strength) * scaled(relevance, valid)
    # What is left of j once i is chosen, [batch, i, j]: a turn of the loop is then one gather and one minimum.
    left = relevance[:, None] - strength[:, :, None] * tf.nn.relu(_cosines(vectors))
    left = tf.linalg.set_diag(left, tf.fill(tf.shape(relevance), ABSENT))  # nobody is chosen twice

    def update(worth: tf.Tensor, state: tuple, _: tf.Tensor, best: tf.Tensor) -> tuple[tf.Tensor, tuple]:
        return tf.minimum(worth, tf.gather(left, best, batch_dims=1)), state

    return choose(tf.where(valid, relevance, ABSENT), k, (), update)


def determinantal(
    relevance: tf.Tensor, vectors: tf.Tensor, valid: tf.Tensor, strength: tf.Tensor, k: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The greedy mode of a determinantal point process: `(1 − λ) rel + λ log(what is new in the candidate)`.

    What is new is the squared length of its vector outside the span of all that are chosen, not only outside the
    nearest of them: `det S` of the chosen is the product of these. It is kept up by one row of a Cholesky factor a
    turn. Chen, Zhang & Zhou 2018, "Fast Greedy MAP Inference for Determinantal Point Process", algorithm 1, equation
    11 for the trade. Arguments and results as those of `maximal_marginal_relevance`.
    """
    strength = strength[:, None]
    relevance = tf.where(valid, (1.0 - strength) * scaled(relevance, valid), ABSENT)
    likeness, line = _cosines(vectors), tf.range(tf.shape(relevance)[0])
    # one row of the factor for each turn, [batch, k, list], so that a turn writes a row in place
    new, factor = tf.ones_like(relevance), tf.zeros([tf.size(line), k, tf.shape(relevance)[1]])

    def update(
        _: tf.Tensor, state: tuple[tf.Tensor, ...], i: tf.Tensor, best: tf.Tensor
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, ...]]:
        relevance, new, factor = state
        like, length = (tf.gather(part, best, batch_dims=1) for part in (likeness, new))
        known = tf.gather(factor, best, axis=2, batch_dims=1)
        # a sum of products: a product of matrices as small as these costs five times as much to begin
        along = tf.reduce_sum(factor * known[:, :, None], 1)
        row = (like - along) * tf.math.rsqrt(length)[:, None]
        new = tf.maximum(new - tf.square(row), RESIDUAL)
        factor = tf.tensor_scatter_nd_update(factor, tf.stack([line, tf.zeros_like(line) + i], 1), row)
        relevance = without(relevance, best)
        return relevance + strength * tf.math.log(new), (relevance, new, factor)

    return choose(relevance, k, (relevance, new, factor), update)


def _cosines(vectors: tf.Tensor) -> tf.Tensor:
    """Of all pairs, float32 `[batch, list, list]`."""
    return tf.matmul(vectors, vectors, transpose_b=True)
