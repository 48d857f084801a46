"""One query on its way through the cells of a clustered index."""

from typing import TYPE_CHECKING, NamedTuple

import tensorflow as tf

from tfrec.retrieval.filters import Filters
from tfrec.retrieval.index import LOWEST, VARIANCE, Query, Spread, best
from tfrec.retrieval.index_layout import BLOCK, BREADTH

if TYPE_CHECKING:
    from tfrec.retrieval.clustered_index import ClusteredIndex

DEPTH = 5  # vectors visited for each one that scores at least as much as the k-th answer
GROWTH = 4
SPARE = 1.25  # codes scored again, for each answer wanted


class Visited(NamedTuple):
    """What lies in the visited cells.

    Attributes:
        cells: int32 `[visits]`.
        rows: int32 `[n]`, 0 = an empty place.
        score: float32 `[n]`, approximate inner products, the lowest float at an empty place.
    """

    cells: tf.Tensor
    rows: tf.Tensor
    score: tf.Tensor


class Found(NamedTuple):
    """The best that is allowed of what was visited.

    Attributes:
        rows: int32 `[n]`, 0 where nothing was left.
        sure: bool, whether better ones are unlikely to lie elsewhere.
    """

    rows: tf.Tensor
    sure: tf.Tensor


class Scored(NamedTuple):
    """Rows int32 `[n]`, their inner products with the query and what is added to these, float32 `[n]`."""

    rows: tf.Tensor
    product: tf.Tensor
    bonus: tf.Tensor


class ClusteredSearch:
    """Visits cells, best hope first; scores int8 codes there, and the best of these again with the float32 vectors.

    Filters work inside. Where too few visited vectors are allowed, or the allowed ones rank low among all visited,
    `GROWTH` times as many cells are visited, and so on; after a half of the cells all items are scored. So k answers
    come whenever there are k.

    Of the scores of all items, mean and deviation are exact. The partition sum has the visited vectors and, for each
    other cell, a Gaussian.

    Args:
        index: what is searched.
        query, filters: batches of one.
        k: how many are wanted.
    """

    def __init__(self, index: "ClusteredIndex", query: Query, filters: Filters, k: tf.Tensor | int) -> None:
        self.index, self.query, self.filters, self.k = index, query, filters, k
        self.vector = query.vector[0]
        self.products = tf.matmul(query.vector, index.centres.value, transpose_b=True)[0]
        self.deviation = tf.norm(self.vector) * index.spread.value

    def answer(self) -> tuple[tf.Tensor, tf.Tensor, Spread]:
        """Rows and scores `[k]`, and the spread of all scores, each of its parts `[1]`."""
        visited = self.visit(self.index.visits)
        found = self.best_codes(visited)
        scored = self.scored(found.rows)
        rows, score = tf.cond(found.sure, lambda: self.best_of(scored), lambda: self.widened(found))
        spread = self.spread(visited)
        return rows, score, spread if self.query.is_plain else self.with_bonus(spread, scored)

    def visit(self, visits: tf.Tensor | int) -> Visited:
        """The cells in which the best vector is likely to be best."""
        index = self.index
        cells = tf.math.top_k(self.products + BREADTH * self.deviation, visits, sorted=False).indices
        first, end = tf.gather(index.first.value, cells), tf.gather(index.first.value, cells + 1)
        blocks = tf.raw_ops.RaggedRange(starts=first, limits=end, deltas=1).rt_dense_values
        rows = tf.reshape(tf.gather(index.rows.value, blocks), [-1])
        codes = tf.reshape(tf.cast(tf.gather(index.codes.value, blocks), tf.float32), [-1, index.dim])
        rest = tf.reshape(tf.linalg.matvec(codes, self.vector), [-1, BLOCK])
        centre = tf.gather(self.products, tf.gather(index.cell.value, blocks))
        score = centre[:, None] + tf.gather(index.scale.value, blocks)[:, None] * rest
        return Visited(cells, rows, tf.where(rows > 0, tf.reshape(score, [-1]), LOWEST))

    def best_codes(self, visited: Visited) -> Found:
        """The `SPARE * k` best of the visited rows that are allowed."""
        allowed = tf.where(self.filters.blocked_at(visited.rows)[0], LOWEST, visited.score)
        some = tf.minimum(tf.cast(SPARE * tf.cast(self.k, tf.float32), tf.int32), tf.size(allowed))
        score, place = tf.math.top_k(allowed, some)
        kth = score[tf.minimum(self.k, some) - 1]
        better = tf.reduce_sum(tf.cast(visited.score >= kth, tf.int32))
        sure = (self.k <= some) & (kth > LOWEST) & (DEPTH * better <= tf.size(allowed))
        return Found(tf.where(score > LOWEST, tf.gather(visited.rows, place), 0), sure)

    def scored(self, rows: tf.Tensor) -> Scored:
        """Rows int32 `[n]` and those that have a bonus, each once, with their exact scores."""
        bonus = tf.zeros_like(rows, tf.float32)
        if not self.query.is_plain:
            rows, place = tf.unique(tf.concat([self.query.rows[0], rows], 0))
            values = self.query.bonus[0]
            bonus = tf.math.unsorted_segment_sum(values, place[: tf.size(values)], tf.size(rows))
        product = tf.linalg.matvec(tf.gather(self.index.vectors.value, rows), self.vector)
        return Scored(rows, product, bonus)

    def best_of(self, scored: Scored) -> tuple[tf.Tensor, tf.Tensor]:
        """The k best of some rows that are allowed."""
        rows, score = scored.rows, (scored.product + scored.bonus)[None]
        places, score = best(score, self.filters.blocked_at(rows), self.k)
        return tf.where(score > LOWEST, tf.gather(rows, places), 0)[0], score[0]

    def widened(self, found: Found) -> tuple[tf.Tensor, tf.Tensor]:
        """The k best of more and more cells until they are sure; of all items if half of the cells are not enough."""
        most = self.index.cells // 2

        def wider(visits: tf.Tensor, _: Found) -> tuple[tf.Tensor, Found]:
            return visits * GROWTH, self.best_codes(self.visit(visits * GROWTH))

        _, found = tf.while_loop(
            lambda visits, found: ~found.sure & (visits * GROWTH <= most),
            wider,
            (tf.constant(self.index.visits), found),
            shape_invariants=(tf.TensorShape([]), Found(tf.TensorShape([None]), tf.TensorShape([]))),
        )
        return tf.cond(found.sure, lambda: self.best_of(self.scored(found.rows)), self.best_of_all)

    def best_of_all(self) -> tuple[tf.Tensor, tf.Tensor]:
        """The k best of all items that are allowed."""
        rows, score = best(self.index.scores(self.query), self.filters.blocked(self.index.items), self.k)
        return rows[0], score[0]

    def spread(self, visited: Visited) -> Spread:
        """Of the inner products with all items."""
        index = self.index
        other = index.log_size.value + self.products + self.deviation**2 / 2 + index.tail.value
        lowest = tf.fill(tf.shape(visited.cells), LOWEST)
        other = tf.tensor_scatter_nd_update(other, visited.cells[:, None], lowest)
        score = tf.concat([tf.where(visited.rows < index.counted, visited.score, LOWEST), other], 0)
        top = tf.reduce_max(score, keepdims=True)
        partition = top + tf.math.log(tf.reduce_sum(tf.exp(score - top), keepdims=True))
        mean = tf.reduce_sum(index.mean.value * self.vector, keepdims=True)
        along = tf.linalg.matvec(index.covariance.value, self.vector)
        variance = tf.reduce_sum(along * self.vector, keepdims=True)
        return Spread(partition, mean, tf.sqrt(tf.maximum(variance, 0.0) + VARIANCE))

    def with_bonus(self, spread: Spread, scored: Scored) -> Spread:
        """The spread of the scores, given that of the inner products and all rows that have a bonus."""
        counted, items = self.index.counted, max(1, self.index.counted - 1)
        bonus = tf.where((scored.rows > 0) & (scored.rows < counted), scored.bonus, 0.0)
        share = tf.exp(tf.minimum(scored.product - spread.partition, 0.0))
        more = tf.reduce_sum(share * tf.math.expm1(bonus))
        added = tf.reduce_sum(bonus) / items
        square = tf.reduce_sum(bonus * (bonus + 2 * (scored.product - spread.mean))) / items - added**2
        return Spread(
            spread.partition + tf.math.log1p(tf.maximum(more, 1e-6 - 1)),
            spread.mean + added,
            tf.sqrt(tf.maximum(spread.deviation**2 + square, VARIANCE)),
        )
