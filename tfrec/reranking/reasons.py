"""Why an item is in the slate, in one short phrase of evidence, as string ops of the graph."""

import tensorflow as tf


def reasons(
    rows: tf.Tensor, recent: tf.Tensor, has_text: tf.Tensor, similarity: tf.Tensor, titles: tf.Tensor
) -> tf.Tensor:
    """The event of the history that an item resembles most; without a history the free text, else popularity.

    Args:
        rows: int32 `[batch, slate]`, 0 = no item.
        recent: int32 `[batch, length]`, rows of the history, 0 = none.
        has_text: bool `[batch, 1]`, whether the request has free text.
        similarity: float32 `[batch, slate, length]`, of items and events.
        titles: string `[items]`, by row.

    Returns:
        string `[batch, slate]`, "" where there is no item.
    """
    event = tf.argmax(tf.where((recent > 0)[:, None], similarity, tf.float32.min), 2, output_type=tf.int32)
    nearest = tf.gather(recent, event, batch_dims=1)
    without_history = tf.where(has_text, "matches your words", "popular")
    reason = tf.where(nearest > 0, "because of " + tf.gather(titles, nearest), without_history)
    return tf.where(rows > 0, reason, "")
