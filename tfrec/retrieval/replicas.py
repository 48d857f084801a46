"""What the replicas of a `tf.distribute` strategy tell each other, so that their loss is that of one replica.

Only ids and counts travel: each replica computes the vectors of all candidates itself, which needs no gradient through
a collective operation.
"""

import tensorflow as tf


def of_others(rows: tf.Tensor) -> tf.Tensor:
    """The rows int32 `[n]` of all other replicas, one after another; none where there is one replica."""
    context = _context()
    if context is None:
        return rows[:0]
    own = tf.fill(tf.shape(rows), context.replica_id_in_sync_group)
    everybody, owner = context.all_gather(rows, 0), context.all_gather(own, 0)
    return tf.boolean_mask(everybody, owner != context.replica_id_in_sync_group)


def total(value: tf.Tensor) -> tf.Tensor:
    """The sum of a scalar over all replicas."""
    context = _context()
    return value if context is None else context.all_reduce(tf.distribute.ReduceOp.SUM, value)


def _context() -> tf.distribute.ReplicaContext | None:
    context = tf.distribute.get_replica_context()
    return context if context is not None and context.num_replicas_in_sync > 1 else None
