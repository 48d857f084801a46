"""What may not come back: rows by name, and rows outside the categories that a request allows."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from tfrec.retrieval.lookup import marked


class Categories(NamedTuple):
    """The categories that requests allow.

    Attributes:
        wanted: bool `[batch, categories]`.
        asked: bool `[batch, 1]`; a request that asks for none allows all.
        table: int32 `[items, slots]`, the category ids of each row, 0 = none.
    """

    wanted: tf.Tensor
    asked: tf.Tensor
    table: tf.Tensor

    def outside(self, own: tf.Tensor) -> tf.Tensor:
        """Category ids int32 `[n, slots]` of some items → whether a request does not allow them, bool `[batch, n]`."""
        member = self.wanted & (tf.range(tf.shape(self.wanted)[1]) > 0)
        return ~tf.reduce_any(tf.gather(member, own, axis=1), 2) & self.asked


class Filters(NamedTuple):
    """Filters of a batch of requests.

    Attributes:
        rows: int32 `[batch, n]`, what may not come back, 0 = none.
        categories: None = all are allowed to everybody.
        banned: bool `[items]`, what nobody may be shown; None = nothing.
    """

    rows: tf.Tensor
    categories: Categories | None = None
    banned: tf.Tensor | None = None

    def line(self, i: tf.Tensor) -> "Filters":
        """Those of one request, as a batch of one."""
        some = self.categories
        if some is not None:
            some = Categories(some.wanted[i : i + 1], some.asked[i : i + 1], some.table)
        return Filters(self.rows[i : i + 1], some, self.banned)

    def blocked(self, items: int) -> tf.Tensor:
        """Which of all items may not come back, bool `[batch, items]`; row 0 never may."""
        blocked = marked(self.rows, items) | self._outside(lambda table: table)
        return blocked if self.banned is None else blocked | self.banned

    def blocked_at(self, rows: tf.Tensor) -> tf.Tensor:
        """The same of some rows int32 `[n]`, bool `[batch, n]`; no table of all items is made."""
        order = tf.sort(tf.pad(self.rows, [[0, 0], [1, 0]]), 1)
        wanted = tf.broadcast_to(rows, [tf.shape(order)[0], tf.size(rows)])
        place = tf.minimum(tf.searchsorted(order, wanted), tf.shape(order)[1] - 1)
        seen = tf.equal(tf.gather(order, place, batch_dims=1), rows)
        blocked = seen | self._outside(lambda table: tf.gather(table, rows))
        return blocked if self.banned is None else blocked | tf.gather(self.banned, rows)

    def _outside(self, own: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
        if self.categories is None:
            return tf.constant(False)
        _, asked, table = self.categories
        outside = self.categories.outside
        return tf.cond(tf.reduce_any(asked), lambda: outside(own(table)), lambda: tf.zeros([1, 1], tf.bool))
