"""One query on its way through the cells of a clustered index."""

from typing import TYPE_CHECKING, NamedTuple

import tensorflow as tf

from tfrec.retrieval.filters import Filters
from tfrec.retrieval.index import LOWEST, Answer, Query, Spread, best
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

    def answer(self) -> Answer:
        """The answer without the batch: rows and scores `[k]`, its spread `[1]`."""
        visited = self.visit(self.index.visits)
        found = self.widen(self.best_codes(visited))
        rows, bonus = self.with_bonus(found.rows)
        product = tf.linalg.matvec(tf.gather(self.index.vectors.value, rows), self.vector)
        top, score = tf.cond(found.sure, lambda: self.best_rows(rows, product + bonus), self.best_of_all)
        counted = tf.where(rows < self.index.counted, bonus, 0.0)
        spread = self.partition(visited, product, counted), *self.moments(product, counted)
        return Answer(top, score, Spread(*(number[None] for number in spread)))

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
        better = tf.math.count_nonzero(visited.score >= kth, dtype=tf.int32)
        enough = DEPTH * better <= tf.math.count_nonzero(visited.rows, dtype=tf.int32)
        sure = (self.k <= some) & (kth > LOWEST) & enough
        return Found(tf.where(score > LOWEST, tf.gather(visited.rows, place), 0), sure)

    def widen(self, found: Found) -> Found:
        """Visits more and more cells until the answer is sure, or a half of them is not enough."""
        most = self.index.cells // 2

        def wider(visits: tf.Tensor, _: Found) -> tuple[tf.Tensor, Found]:
            return visits * GROWTH, self.best_codes(self.visit(visits * GROWTH))

        return tf.while_loop(
            lambda visits, found: ~found.sure & (visits * GROWTH <= most),
            wider,
            (tf.constant(self.index.visits), found),
            shape_invariants=(tf.TensorShape([]), Found(tf.TensorShape([None]), tf.TensorShape([]))),
        )[1]

    def with_bonus(self, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Rows int32 `[n]` and those that have a bonus, each once, with its bonus float32."""
        if self.query.rows.shape[1] == 0:
            return rows, tf.zeros_like(rows, tf.float32)
        rows, place = tf.unique(tf.concat([self.query.rows[0], rows], 0))
        bonus = self.query.bonus[0]
        bonus = tf.math.unsorted_segment_sum(bonus, place[: tf.size(bonus)], tf.size(rows))
        return rows, tf.where(rows > 0, bonus, 0.0)

    def best_rows(self, rows: tf.Tensor, score: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The k best of some rows that are allowed."""
        columns, score = best(score[None], self.filters.blocked_at(rows), self.k)
        return tf.where(score > LOWEST, tf.gather(rows, columns), 0)[0], score[0]

    def best_of_all(self) -> tuple[tf.Tensor, tf.Tensor]:
        """The k best of all items that are allowed."""
        rows, score = best(self.index.scores(self.query), self.filters.blocked(self.index.items), self.k)
        return rows[0], score[0]

    def moments(self, product: tf.Tensor, bonus: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Mean and standard deviation of the scores of all, given products and bonus of those that have one."""
        items = tf.cast(max(1, self.index.counted - 1), tf.float32)
        mean = tf.tensordot(self.index.mean.value, self.vector, 1)
        variance = tf.tensordot(self.vector, tf.linalg.matvec(self.index.covariance.value, self.vector), 1)
        more = tf.reduce_sum(bonus) / items
        variance += tf.reduce_sum(bonus * (bonus + 2 * (product - mean))) / items - more**2
        return mean + more, tf.sqrt(tf.maximum(variance, 0.0) + 1e-6)

    def partition(self, visited: Visited, product: tf.Tensor, bonus: tf.Tensor) -> tf.Tensor:
        """Logarithm of the sum of the exponentials of all scores."""
        index = self.index
        other = index.log_size.value + self.products + self.deviation**2 / 2 + index.tail.value
        lowest = tf.fill(tf.shape(visited.cells), LOWEST)
        other = tf.tensor_scatter_nd_update(other, visited.cells[:, None], lowest)
        score = tf.where(visited.rows < index.counted, visited.score, LOWEST)
        total = tf.reduce_logsumexp(tf.concat([score, other], 0))
        more = tf.reduce_sum(tf.exp(tf.minimum(product - total, 0.0)) * tf.math.expm1(bonus))
        return total + tf.math.log1p(tf.maximum(more, 1e-6 - 1))
