"""Exploration: the order is drawn, so that items of uncertain worth are seen, and the probability of what was drawn is
known to whoever learns from it later."""

import tensorflow as tf

from tfrec.reranking.draft import ABSENT, Draft, Wishes, clipped, where_asked
from tfrec.reranking.random_draw import uniform


class Exploration:
    """The step that draws an order from the Plackett-Luce distribution of `score / τ`, τ the strength of the request.

    Scores with independent Gumbel noise of scale τ, sorted, are such an order. The same request is drawn the same
    order; `shown` makes it another one.
    """

    def __call__(self, draft: Draft, wishes: Wishes) -> Draft:
        strength = clipped(wishes.exploration)

        def drawn() -> Draft:
            noise = -tf.math.log(-tf.math.log(uniform(wishes.seed[:, None], draft.rows)))
            noisy = tf.where(draft.present, draft.score + strength[:, None] * noise, ABSENT)
            return draft.reordered(tf.math.top_k(noisy, tf.shape(noisy)[1]).indices)

        return where_asked(strength, draft, drawn)


def propensity(before: Draft, after: Draft, strength: tf.Tensor) -> tf.Tensor:
    """How likely each candidate was to be drawn for its place, given those before it: float32 `[batch, list]`.

    `exp(s / τ) / Σ exp(s / τ)`, the sum over this and all later candidates; 1 without exploration. The product over a
    slate is the probability of the slate, by which counterfactual estimators weigh it.

    Args:
        before, after: the drafts before and after the draw.
        strength: τ float32 `[batch]`, in [0, 1].
    """
    order = tf.argsort(before.place, axis=1)  # from places in the list of candidates to places in `before`
    own = tf.gather(before.score, tf.gather(order, after.place, batch_dims=1), batch_dims=1)
    logits = tf.where(after.present, own, -1e9) / tf.maximum(strength, 1e-6)[:, None]
    logits = tf.maximum(logits, -1e30)
    rest = tf.math.cumulative_logsumexp(logits, axis=1, reverse=True)
    return tf.where((strength > 0.0)[:, None], tf.exp(logits - rest), 1.0)
