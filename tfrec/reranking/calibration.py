"""Calibration: a slate with the shares of categories that the history has, so that small tastes are not lost."""

import tensorflow as tf

from tfrec.reranking.draft import ABSENT, Draft, Wishes
from tfrec.reranking.greedy import choose, without

SMOOTHING = 0.01  # of the history's shares in those of the slate, so that a share of 0 has a logarithm
TASTES = 16  # categories of a history that count, the most frequent ones


class Calibration:
    """The step that brings category shares of a slate to those of the history; without a history nothing changes.

    Greedily the largest `(1 − λ) rel − λ KL(p ‖ q)`, p the shares of the history, q those of the slate with one more
    candidate. An item of several categories belongs to each in part. Steck 2018, "Calibrated Recommendations",
    equations 2 to 4. The step only reorders: what a candidate adds may be more than the one before it added, and scores
    of a slate never rise.

    Args:
        category: int32 `[items, slots]` by row, ids of the category column, 0 = none.
        categories: how many ids there are, id 0 included.
        strength: λ in [0, 1].
    """

    def __init__(self, category: tf.Tensor, categories: int, strength: float) -> None:
        self.category, self.categories, self.strength = category, categories, strength

    def __call__(self, draft: Draft, wishes: Wishes) -> Draft:
        tastes, wanted = self._tastes(wishes.recent)
        shares, weight = self._shares(draft.rows, tastes), self.strength * wanted
        relevance = tf.where(draft.present, (1.0 - self.strength) * draft.score, ABSENT)
        # The mix of slate and history under the logarithm, times the places so far: a factor that all candidates share
        # moves none of them before another. An unwanted share weighs nothing, and must have a logarithm.
        rise = SMOOTHING / (1.0 - SMOOTHING) * wanted
        level = rise + tf.cast(wanted == 0.0, tf.float32)

        def value(relevance: tf.Tensor, level: tf.Tensor) -> tf.Tensor:
            # a sum of products: a product of matrices as small as these costs more to begin than to compute
            return relevance + tf.reduce_sum(tf.math.log(shares + level[:, None]) * weight[:, None], 2)

        def update(
            _: tf.Tensor, state: tuple[tf.Tensor, tf.Tensor], i: tf.Tensor, best: tf.Tensor
        ) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
            relevance = without(state[0], best)
            level = state[1] + rise + tf.gather(shares, best, batch_dims=1)
            return value(relevance, level), (relevance, level)

        count = tf.minimum(wishes.longest, tf.shape(draft.rows)[1])
        places, _ = choose(value(relevance, level), count, (relevance, level), update)
        return draft.led_by(places, wishes.k)

    def _tastes(self, recent: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The categories of each history int32 `[batch, tastes]`, and their shares float32, which sum to at most 1."""
        own = tf.gather(self.category, recent)
        weight = tf.cast(own > 0, tf.float32)
        weight /= tf.maximum(tf.reduce_sum(weight, 2, keepdims=True), 1.0)
        line = tf.range(tf.shape(recent)[0])[:, None, None]
        sums = tf.math.unsorted_segment_sum(
            tf.reshape(weight, [-1]),
            tf.reshape(line * self.categories + own, [-1]),
            tf.shape(recent)[0] * self.categories,
        )
        sums = tf.reshape(sums, [-1, self.categories])
        shares, tastes = tf.math.top_k(sums, min(TASTES, self.categories))
        return tastes, tf.math.divide_no_nan(shares, tf.reduce_sum(sums, 1, keepdims=True))

    def _shares(self, rows: tf.Tensor, tastes: tf.Tensor) -> tf.Tensor:
        """To which part each candidate belongs to each taste, float32 `[batch, list, tastes]`."""
        own = tf.gather(self.category, rows)
        equal = (own[..., None] == tastes[:, None, None]) & (own > 0)[..., None]
        values = tf.reduce_sum(tf.cast(own > 0, tf.float32), 2)
        return tf.math.divide_no_nan(tf.reduce_sum(tf.cast(equal, tf.float32), 2), values[..., None])
