"""The cross-encoder as a step of re-ranking: as many of the first candidates as there is time for."""

import tensorflow as tf

from tfrec.reranking.cross_encoder import CrossEncoder
from tfrec.reranking.draft import Draft, Wishes, where_asked
from tfrec.reranking.slate_step import ends


class CrossReading:
    """Orders the first candidates by their score and what the language model says of each; the others stay behind them.

    Its word is added in the units of the draft's scores, which stay with the places. A user of whom nothing is known
    keeps the order: there is nothing to read.

    Args:
        model: reads user and candidate together.
        gain: what its logit is worth beside a ranking score.
        pairs: how many candidates it reads, from 2.
    """

    def __init__(self, model: CrossEncoder, gain: float, pairs: int) -> None:
        self.model, self.gain, self.pairs = model, gain, pairs

    def __call__(self, draft: Draft, wishes: Wishes) -> Draft:
        known = tf.reduce_any(wishes.recent > 0, axis=1)
        return where_asked(tf.cast(known, tf.float32), draft, lambda: self._read(draft, wishes))

    def _read(self, draft: Draft, wishes: Wishes) -> Draft:
        rows, score = draft.rows[:, : self.pairs], draft.score[:, : self.pairs]
        said = self.model({"history": wishes.recent, "candidates": rows})
        ranking = tf.gather(wishes.relevance.ranking, draft.place, batch_dims=1)
        low, high = ends(ranking, draft.present)
        worth = tf.math.divide_no_nan(self.gain * said, high - low)
        order = tf.argsort(score + worth, axis=1, direction="DESCENDING", stable=True)
        behind = tf.range(tf.shape(rows)[1], tf.shape(draft.rows)[1])
        behind = tf.broadcast_to(behind, [tf.shape(rows)[0], tf.size(behind)])
        return draft.reordered(tf.concat([order, behind], 1))
