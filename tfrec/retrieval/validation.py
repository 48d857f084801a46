"""Full-catalogue validation at the end of each epoch, so that training stops where recall is best."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfrec.data.histories import Histories
from tfrec.data.splits import Targets
from tfrec.data.user_side import NOTHING_MORE, Context, UserSide
from tfrec.retrieval.interests import best_interest
from tfrec.retrieval.two_tower import TwoTower

BATCH = 256


class FullCatalogueNdcg(keras.callbacks.Callback):
    """Adds `val_ndcg@10` to the logs: full catalogue, a user's earlier items masked, ties against the model.

    Args:
        histories: what lies before the targets.
        targets: one held-out item for each of some users.
        length: newest events read.
        seen: what is masked, where that is more than `histories`.
        side: what is known of users and of the moments of the targets.
    """

    def __init__(
        self,
        histories: Histories,
        targets: Targets,
        length: int,
        *,
        seen: Histories | None = None,
        side: UserSide = NOTHING_MORE,
    ) -> None:
        super().__init__()
        self.targets, self.seen, self.side = targets, seen or histories, side
        self.history = histories.tail_rows(length)[targets.user]

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            logs["val_ndcg@10"] = self.ndcg()

    def ndcg(self) -> float:
        """Mean ndcg@10 over the targets."""
        model: TwoTower = self.model
        vectors = model.item_vectors()
        gains = [
            _gains(
                model,
                vectors,
                self.history[part],
                self.targets.user[part] + 1,
                self.side.context_of(self.targets.event[part]),
                self.targets.item[part] + 1,
                self._seen(part),
            )
            for part in (slice(first, first + BATCH) for first in range(0, len(self.targets), BATCH))
        ]
        return float(np.concatenate(gains).mean())

    def _seen(self, part: slice) -> tf.Tensor:
        rows = [self.seen.of(user) + 1 for user in self.targets.user[part]]
        return tf.ragged.constant(rows, dtype=tf.int32, ragged_rank=1).to_tensor()


@tf.function(reduce_retracing=True, autograph=False)
def _gains(
    model: TwoTower,
    vectors: tf.Tensor,
    history: tf.Tensor,
    user: tf.Tensor,
    context: Context | None,
    target: tf.Tensor,
    seen: tf.Tensor,
) -> tf.Tensor:
    """1 / log2(rank + 2) where the target is among the ten best, else 0: float32 `[batch]`."""
    scores = best_interest(model.query_vectors(history, user, context), vectors)
    own = tf.gather(scores, target, batch_dims=1)[:, None]
    line = tf.broadcast_to(tf.range(tf.shape(seen)[0])[:, None], tf.shape(seen))
    better = tf.cast(scores >= own, tf.float32)
    masked = tf.scatter_nd(tf.stack([line, seen], -1), tf.ones_like(seen, tf.float32), tf.shape(scores)) > 0
    columns = tf.range(tf.shape(scores)[1])[None]
    counted = ~masked & (columns > 0) & (columns != target[:, None])
    rank = tf.reduce_sum(tf.where(counted, better, 0.0), 1)
    return tf.where(rank < 10, tf.math.log(2.0) / tf.math.log(rank + 2.0), 0.0)
