"""Session feedback: what was liked, disliked or passed over a moment ago moves the order at once."""

import tensorflow as tf

from tfrec.reranking.draft import ABSENT, Draft, Wishes, where_asked

PASSED_OVER = 0.25  # weight of an item that was shown and not taken, beside a disliked one


class Feedback:
    """The step that moves candidates towards what was liked and away from what was not.

    To move the query, `q + β mean(liked) − γ mean(disliked) − δ mean(passed over)`, adds to the score of a unit vector
    its mean cosine to each group, times the weight: that is what is added here. Rocchio 1971, "Relevance Feedback in
    Information Retrieval". What is liked has become the newest part of the history before (`tfrec.request`), so recall
    and ranking have reacted to it; what is disliked never comes back.

    Args:
        vectors: float32 `[items, dim]` by row, unit vectors (or zero: similar to nothing).
        strength: β and γ, in the range of the scores, 0 to 1.
    """

    def __init__(self, vectors: tf.Tensor, strength: float) -> None:
        self.vectors, self.strength = vectors, strength

    def __call__(self, draft: Draft, wishes: Wishes) -> Draft:
        taken = tf.reduce_any(wishes.shown[:, :, None] == wishes.liked[:, None], 2)
        passed_over = tf.where(taken, 0, wishes.shown)
        groups = {1.0: wishes.liked, -1.0: wishes.disliked, -PASSED_OVER: passed_over}

        def moved() -> Draft:
            direction = tf.add_n([weight * self._mean(rows) for weight, rows in groups.items()])
            likeness = tf.linalg.matvec(tf.gather(self.vectors, draft.rows), direction)
            return draft.rescored(tf.where(draft.present, draft.score + self.strength * likeness, ABSENT))

        given = [tf.reduce_any(rows > 0, 1) for rows in groups.values()]
        return where_asked(tf.cast(given[0] | given[1] | given[2], tf.float32), draft, moved)

    def _mean(self, rows: tf.Tensor) -> tf.Tensor:
        """Of the vectors of rows int32 `[batch, n]`, float32 `[batch, dim]`; zero where there are none."""
        present = tf.cast(rows > 0, tf.float32)
        sums = tf.linalg.matvec(tf.gather(self.vectors, rows), present, transpose_a=True)
        return tf.math.divide_no_nan(sums, tf.reduce_sum(present, 1, keepdims=True))
