"""The slate model as a step of re-ranking."""

import tensorflow as tf

from tfrec.reranking.draft import ABSENT, Draft, Wishes, where_asked
from tfrec.reranking.slate_features import SlateVectors
from tfrec.reranking.slate_model import SlateModel, read_slate


class SlateReading:
    """Adds the slate model's correction of the first n candidates, in the units of the draft's scores.

    A user of whom nothing is known keeps the order: the model has learned from histories.

    Args:
        model: of the correction.
        vectors: of the catalogue.
        n: how many candidates it reads.
    """

    def __init__(self, model: SlateModel, vectors: SlateVectors, n: int) -> None:
        self.model, self.vectors, self.n = model, vectors, n

    def __call__(self, draft: Draft, wishes: Wishes) -> Draft:
        known = tf.reduce_any(wishes.recent > 0, axis=1)
        return where_asked(tf.cast(known, tf.float32), draft, lambda: self._read(draft, wishes))

    def _read(self, draft: Draft, wishes: Wishes) -> Draft:
        ranking, retrieval = (tf.gather(said, draft.place, batch_dims=1) for said in wishes.relevance)
        low, high = ends(ranking, draft.present)
        # what a rule has pinned may be nothing that recall found
        retrieval = tf.maximum(retrieval, ends(retrieval, retrieval > ABSENT)[0])
        rows, ranking, retrieval = (part[:, : self.n] for part in (draft.rows, ranking, retrieval))
        read = read_slate(self.vectors, rows, wishes.recent, ranking, retrieval)
        correction = tf.math.divide_no_nan(self.model.correction(read), high - low)
        missing = tf.shape(draft.rows)[1] - tf.shape(correction)[1]
        return draft.rescored(draft.score + tf.pad(correction, [[0, 0], [0, missing]]))


def ends(scores: tf.Tensor, counted: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The lowest and the highest of those scores `[batch, list]` that count, float32 `[batch, 1]` each."""
    low = tf.reduce_min(tf.where(counted, scores, tf.float32.max), 1, keepdims=True)
    return low, tf.reduce_max(tf.where(counted, scores, tf.float32.min), 1, keepdims=True)
