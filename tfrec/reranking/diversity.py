"""Maximal marginal relevance: a slate that is relevant without saying the same thing ten times.

The last stage of re-ranking, over the language vectors of the candidates. Core TensorFlow ops only, each row
of a batch on its own: a request gets the same slate alone and in company.
"""

import tensorflow as tf

ABSENT = tf.float32.min  # score of a place that no valid candidate was left for


def maximal_marginal_relevance(
    relevance: tf.Tensor, vectors: tf.Tensor, valid: tf.Tensor, strength: tf.Tensor, k: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Choose k candidates one by one, each with the largest `(1 − λ) rel − λ max(0, cos to any chosen)`.

    `rel` is the relevance scaled to [0, 1] over the valid candidates of its row, so that λ means the same on
    any scale of scores. A similarity below 0 counts as 0: nobody is rewarded for being the opposite of
    something, and what a candidate is worth can only fall while others are chosen, so the scores fall too.
    Carbonell & Goldstein 1998, "The Use of MMR, Diversity-Based Reranking for Reordering Documents".

    Args:
        relevance: float32 `[batch, list]`, on any scale.
        vectors: float32 `[batch, list, dim]`, unit vectors (or zero: similar to nothing).
        valid: bool `[batch, list]`; the others are never chosen.
        strength: float32 `[batch]`, λ clipped to [0, 1]: 0 (or NaN) is the order of relevance, 1 looks at it once.
        k: int32 scalar.

    Returns:
        The chosen places int32 `[batch, k]` and their scores float32 `[batch, k]`, non-increasing. Of equal
        candidates the more relevant comes first, then the earlier. Once the valid candidates are used up:
        place 0, score `tf.float32.min`.
    """
    # Sorted first: argmax takes the first of equals, so two that the scaling made equal keep their order.
    order = tf.math.top_k(tf.where(valid, relevance, ABSENT), tf.shape(relevance)[1]).indices
    relevance, valid = (tf.gather(x, order, batch_dims=1) for x in (relevance, valid))
    strength = tf.where(tf.math.is_nan(strength), 0.0, tf.clip_by_value(strength, 0.0, 1.0))[:, None]
    worth = tf.where(valid, (1.0 - strength) * _scaled(relevance, valid), ABSENT)
    count = tf.minimum(k, tf.shape(worth)[1])
    places, scores = tf.cond(
        tf.reduce_any(strength > 0.0) & (count > 1),
        lambda: _choose(worth, strength, tf.gather(vectors, order, batch_dims=1), count),
        lambda: _first(worth, count),
    )
    places = tf.where(scores > ABSENT, tf.gather(order, places, batch_dims=1), 0)
    missing = [[0, 0], [0, k - count]]
    return tf.pad(places, missing), tf.pad(scores, missing, constant_values=ABSENT)


def _scaled(relevance: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
    """Relevance between the lowest (0) and the highest (1) valid one of its row, 0 where all are equal."""
    low = tf.reduce_min(tf.where(valid, relevance, tf.float32.max), axis=1, keepdims=True)
    high = tf.reduce_max(tf.where(valid, relevance, tf.float32.min), axis=1, keepdims=True)
    return tf.math.divide_no_nan(tf.where(valid, relevance, low) - low, high - low)


def _first(worth: tf.Tensor, count: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Without diversity the sorted candidates are the slate."""
    places = tf.broadcast_to(tf.range(count), [tf.shape(worth)[0], count])
    return places, worth[:, :count]


def _choose(
    worth: tf.Tensor, strength: tf.Tensor, vectors: tf.Tensor, count: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The greedy loop; `left[i, j]` is what j is worth once i is chosen, so a step is one argmax, one min."""
    similarity = tf.nn.relu(tf.matmul(vectors, vectors, transpose_b=True))
    left = worth[:, None, :] - strength[:, :, None] * similarity
    left = tf.linalg.set_diag(left, tf.fill(tf.shape(worth), ABSENT))  # nobody is chosen twice

    def step(i: tf.Tensor, worth: tf.Tensor, places: tf.TensorArray, scores: tf.TensorArray) -> tuple:
        best = tf.argmax(worth, axis=1, output_type=tf.int32)
        now = tf.minimum(worth, tf.gather(left, best, batch_dims=1))
        return i + 1, now, places.write(i, best), scores.write(i, tf.reduce_max(worth, axis=1))

    state = (tf.constant(0), worth, tf.TensorArray(tf.int32, count), tf.TensorArray(tf.float32, count))
    _, _, places, scores = tf.while_loop(lambda i, *_: i < count, step, state, parallel_iterations=1)
    return tf.transpose(places.stack()), tf.transpose(scores.stack())
