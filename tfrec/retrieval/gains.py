"""Finds the gains of recall's experts (`tfrec.retrieval.blend`) by maximum likelihood on what users did next."""

import numpy as np
import tensorflow as tf
from scipy.optimize import minimize

from tfrec.data.histories import Histories
from tfrec.data.moments import Moments, history_rows
from tfrec.data.user_side import NOTHING_MORE, Context, UserSide
from tfrec.retrieval.interests import best_interest
from tfrec.retrieval.lookup import marked
from tfrec.retrieval.two_tower import TwoTower

MOMENTS, POOL, BLOCK = 2000, 10000, 64
COLD_SHARE = 0.2
IMPOSSIBLE, NEVER = np.float32(-1e9), -100.0


def fit_gains(
    model: TwoTower,
    full: Histories,
    moments: Moments,
    *,
    mask_seen: bool,
    seed: int,
    boost: float = 0.0,
    side: UserSide = NOTHING_MORE,
) -> None:
    """Sets the gains of `model.blend` to those that make the next items most likely among the catalogue.

    At most `MOMENTS` moments are asked, against at most `POOL` items drawn uniformly, which leaves the estimate
    consistent (McFadden 1978). For the gains of items without interactions a fifth of the items, drawn anew for each
    moment, is treated as if it had none: its vector is inherited from others (`Blend.inherited`). Without any content
    nothing could tell such items apart, and they are not recommended.

    Args:
        model: trained without having seen what came next at the moments.
        full: histories with these interactions.
        moments: of `full`; those whose next item has no interaction yet are left out.
        mask_seen: whether a user's earlier items cannot come back.
        seed: of what is drawn.
        boost: added to the scores of items without interactions, in nats.
        side: what is known of the moments.
    """
    rng = np.random.default_rng(seed)
    warm = np.flatnonzero(model.candidate.warm.numpy())
    kept = rng.permutation(np.flatnonzero(np.isin(moments.row, warm)))[:MOMENTS]
    if not len(kept):
        return
    pool = np.sort(rng.permutation(warm)[:POOL]).astype(np.int32)
    experts, possible = _experts(model, full, moments.take(kept), pool, mask_seen, side)
    impossible = np.where(possible, np.float32(0), IMPOSSIBLE)
    unknown, experts = experts[..., [-1, 1, -1]], np.ascontiguousarray(experts[..., :-1])
    gains = most_likely(experts, impossible, first=[1.0, 0.0, 0.0])
    if not model.blend.content.shape[1]:
        model.blend.set_gains(gains, [0.0, 0.0, NEVER])
        return
    cold = rng.random(possible.shape) < COLD_SHARE
    unknown[..., 2] = 1
    offset = np.where(cold, 0, experts @ gains) + impossible
    *cold_gains, constant = most_likely(unknown * cold[..., None], offset, first=[1.0, 0.0, 0.0])
    model.blend.set_gains(gains, [*cold_gains, constant + boost])


def most_likely(experts: np.ndarray, offset: np.ndarray, *, first: list[float]) -> np.ndarray:
    """The gains g that maximise the likelihood of candidate 0.

    The logits are `experts · g + offset`, and the negative log-likelihood of their softmax is convex in g.

    Args:
        experts: float32 `[moments, candidates, experts]`.
        offset: float32 `[moments, candidates]`.
        first: where the search starts.

    Returns:
        float32 `[experts]`.
    """
    scale = np.maximum(experts.std((0, 1)), 1e-6)

    def loss(scaled: np.ndarray) -> tuple[float, np.ndarray]:
        logits = experts @ (scaled / scale).astype(np.float32) + offset
        logits -= logits.max(1, keepdims=True)
        weight = np.exp(logits)
        total = weight.sum(1)
        slope = np.tensordot(weight / total[:, None], experts, 2) - experts[:, 0].sum(0)
        return float(np.mean(np.log(total) - logits[:, 0])), (slope / scale / len(logits)).astype(np.float64)

    found = minimize(loss, np.array(first) * scale, jac=True, method="L-BFGS-B", options={"maxiter": 50})
    return (found.x / scale).astype(np.float32)


def _experts(
    model: TwoTower, full: Histories, moments: Moments, pool: np.ndarray, mask_seen: bool, side: UserSide
) -> tuple[np.ndarray, np.ndarray]:
    """What each of `EXPERTS`, and behaviour by inherited vectors, says of the next item (column 0) and of the pool:
    `[moments, 1 + pool, experts + 1]`; and which of these were possible, bool `[moments, 1 + pool]`."""
    vectors, blend, temperature = model.item_vectors(), model.blend, model.temperature
    asked = np.unique(np.concatenate([pool, moments.row]))
    inherited = tf.scatter_nd(
        asked[:, None], blend.inherited(vectors, model.candidate.warm.value, asked), vectors.shape
    )

    @tf.function(reduce_retracing=True, autograph=False)
    def ask(
        history: tf.Tensor, user: tf.Tensor, row: tf.Tensor, seen: tf.Tensor, context: Context | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        queries = model.query_vectors(history, user, context) / temperature
        pairs = [(queries, vectors), (blend.pooled(history), blend.content.value), (queries, inherited)]
        behaviour, content, unknown = (best_interest(q, c) for q, c in pairs)
        every = tf.stack([behaviour, content, blend.co_occurrence(history), unknown], -1)
        columns = tf.concat([row[:, None], tf.repeat(pool[None], tf.shape(row)[0], 0)], 1)
        blocked = marked(tf.concat([seen, row[:, None]], 1), blend.items)
        possible = tf.concat([tf.ones([tf.shape(row)[0], 1], tf.bool), ~tf.gather(blocked, pool, axis=1)], 1)
        return tf.gather(every, columns, batch_dims=1), possible

    history = history_rows(full, moments, model.query.length)
    experts, possible = [], []
    for first in range(0, len(moments), BLOCK):
        part = slice(first, first + BLOCK)
        seen = (
            history_rows(full, moments.take(part))
            if mask_seen
            else np.zeros((len(history[part]), 1), np.int32)
        )
        context = side.context_of(moments.event[part])
        answer = ask(history[part], moments.user[part] + 1, moments.row[part], seen, context)
        experts.append(answer[0].numpy())
        possible.append(answer[1].numpy())
    return np.concatenate(experts), np.concatenate(possible)
