"""Random numbers that hang on the request alone.

TensorFlow's own generators draw for a whole batch, so a request would be answered otherwise in company than alone. A
hash of the request's seed and of what the number is for is as good, and whoever knows the request can draw again.
"""

import tensorflow as tf

BUCKETS = 2**24  # all floats of a 24 bit mantissa


def seeds(*texts: tf.Tensor) -> tf.Tensor:
    """string `[batch]` and `[batch, n]` of a request → seed int64 `[batch]`; "" counts nowhere."""
    lines = [text if text.shape.rank == 1 else tf.strings.reduce_join(text, 1) for text in texts]
    return tf.strings.to_hash_bucket_fast(tf.strings.join(lines, separator="\n"), BUCKETS)


def uniform(seed: tf.Tensor, of: tf.Tensor) -> tf.Tensor:
    """Uniform numbers in (0, 1), float32 of the broadcast shape; seed int64 and `of` int32 `[…]`."""
    # the hash of neighbours differs in few bits unless each text is long enough
    key = tf.strings.as_string(seed) + " of request, number " + tf.strings.as_string(of)
    return (tf.cast(tf.strings.to_hash_bucket_fast(key, BUCKETS), tf.float32) + 0.5) / BUCKETS
