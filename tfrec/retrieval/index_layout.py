"""All that a clustered index stores, computed in numpy: cells that suit the queries, int8 codes, how many to visit."""

from dataclasses import dataclass, replace

import numpy as np

from tfrec.retrieval.cells import Cells, make_cells

BLOCK = 16  # vectors read together; a cell is a whole number of blocks
BREADTH = 2.0  # by how many standard deviations a cell's best vector may beat its mean
METRIC_DIM = 64
QUERIES = 1024
TRIED = 128  # queries on which the number of visited cells is chosen; the cells are made for the others
_CHUNK = 4096
_AT_ONCE = 8


@dataclass(frozen=True, eq=False)
class Layout:
    """A catalogue in cells of blocks. Rows are those of the index; row 0, the padding, is in no cell.

    Args:
        rows: int32 `[blocks, BLOCK]`, 0 = an empty place.
        codes: int8 `[blocks, BLOCK, dim]`: a vector is about its cell's centre + its block's scale · code.
        scale, cell: float32, int32 `[blocks]`.
        first: int32 `[cells + 1]`, where each cell's blocks begin.
        centres: float32 `[cells, dim]`, means of the vectors.
        spread: float32 `[cells]`, standard deviation of a score in the cell, for a query of length 1.
        log_size: float32 `[cells]`, logarithm of the number of vectors that count.
        visits: how many cells to visit for the wanted recall.
        tail: by how much (a logarithm) the probability of the other cells exceeds what a Gaussian in each cell gives.
    """

    rows: np.ndarray
    codes: np.ndarray
    scale: np.ndarray
    cell: np.ndarray
    first: np.ndarray
    centres: np.ndarray
    spread: np.ndarray
    log_size: np.ndarray
    visits: int = 1
    tail: float = 0.0


def lay_out(
    vectors: np.ndarray,
    queries: np.ndarray | None = None,
    *,
    recall: float,
    k: int,
    counted: int | None = None,
    seed: int = 0,
) -> Layout:
    """Cells, codes, and the number of visits.

    Args:
        vectors: float32 `[items, dim]`, row 0 the padding.
        queries: float32 `[queries, dim]` as they will be asked; None or none at all = vectors of items.
        recall: wanted share of the exact `k` best, in (0, 1).
        k: how many are asked for.
        counted: rows that count in `log_size`, those before it; None = all.
        seed: of what is drawn.
    """
    items = vectors[1:]
    if not len(items):
        return _code(vectors, Cells(np.zeros(0, np.int64), np.array([0, 0])), np.zeros(1, np.float32))
    rng = np.random.default_rng(seed)
    asked = items if queries is None or not len(queries) else queries
    asked = asked[rng.permutation(len(asked))[:QUERIES]]
    tried = min(TRIED, -(-len(asked) // 4))
    points = items @ metric(asked[tried:] if len(asked) > tried else asked)
    cells = make_cells(points, cell_size(len(items)), seed=seed)
    length = np.sqrt((asked**2).sum(1).mean()) + 1e-12
    layout = _code(vectors, cells, _deviation(points, cells) / length)
    layout = _calibrated(layout, items, cells, asked[:tried], recall, min(k, len(items)))
    if counted is None:
        return layout
    return replace(layout, log_size=_log(cells.sums((np.arange(1, len(vectors)) < counted) * 1)))


def metric(queries: np.ndarray) -> np.ndarray:
    """A map in which distance is the expected difference of scores: `E_q (q·(x - y))² = |(x - y) W|²`.

    So `W Wᵀ` is the second moment of the queries, drawn towards its diagonal where there are few of them; only its
    largest directions are kept. Cells made in this space hold items that queries cannot tell apart, whatever their
    norms, which is what inner products need.

    Args:
        queries: float32 `[queries, dim]`.

    Returns:
        W float32 `[dim, min(dim, METRIC_DIM)]`.
    """
    count, dim = queries.shape
    moment = queries.T @ queries / count
    off_diagonal = count / (count + dim)
    moment = off_diagonal * moment + (1 - off_diagonal) * np.diag(np.diag(moment))
    value, axes = np.linalg.eigh(moment)
    kept = slice(dim - min(dim, METRIC_DIM), dim)
    return (axes[:, kept] * np.sqrt(np.maximum(value[kept], 0))).astype(np.float32)


def cell_size(items: int) -> int:
    """The most vectors in a cell: blocks grow with √items, so that neither cells nor vectors in a cell are too many."""
    return BLOCK * int(np.clip(np.sqrt(items) / 64, 2, 32))


def _deviation(points: np.ndarray, cells: Cells) -> np.ndarray:
    """Root of the mean squared distance of each cell's points from their mean: float32 `[cells]`."""
    sizes = cells.sizes[:, None]
    mean, square = cells.sums(points) / sizes, cells.sums((points**2).sum(1))[:, None] / sizes
    return np.sqrt(np.maximum(square[:, 0] - (mean**2).sum(1), 0)).astype(np.float32)


def _code(vectors: np.ndarray, cells: Cells, spread: np.ndarray) -> Layout:
    """The blocks of each cell; at least one."""
    blocks = np.maximum(-(-cells.sizes // BLOCK), 1)
    first = np.concatenate([[0], np.cumsum(blocks)])
    rows = np.zeros((first[-1], BLOCK), np.int32)
    place = np.arange(len(cells.order)) + np.repeat(first[:-1] * BLOCK - cells.start[:-1], cells.sizes)
    rows.ravel()[place] = cells.order + 1
    centres = np.zeros((len(cells), vectors.shape[1]), np.float32)
    if len(cells.order):
        centres += cells.sums(vectors[1:]) / cells.sizes[:, None]
    cell = np.repeat(np.arange(len(cells), dtype=np.int32), blocks)
    codes, scale = np.zeros((*rows.shape, vectors.shape[1]), np.int8), np.zeros(len(rows), np.float32)
    for i in range(0, len(rows), _CHUNK):
        part = slice(i, i + _CHUNK)
        rest = np.where(rows[part, :, None] > 0, vectors[rows[part]] - centres[cell[part], None], 0)
        scale[part] = np.abs(rest).max((1, 2)) / 127
        codes[part] = np.rint(rest / np.maximum(scale[part], 1e-30)[:, None, None])
    return Layout(rows, codes, scale, cell, first.astype(np.int32), centres, spread, _log(cells.sizes))


def _log(sizes: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(sizes, 1e-30)).astype(np.float32)


def _calibrated(
    layout: Layout, items: np.ndarray, cells: Cells, queries: np.ndarray, recall: float, k: int
) -> Layout:
    """The layout with `visits` and `tail` as they are right, on average, for some queries."""
    products = queries @ layout.centres.T
    deviation = np.linalg.norm(queries, axis=1, keepdims=True) * layout.spread
    turn = np.argsort(np.argsort(-(products + BREADTH * deviation), axis=1), axis=1)
    share, turns = np.empty_like(products), np.empty((len(queries), k), np.int64)
    cell, total = np.repeat(np.arange(len(cells)), cells.sizes), np.empty((len(queries), 1))
    for i in range(0, len(queries), _AT_ONCE):
        part = slice(i, i + _AT_ONCE)
        scores = (queries[part] @ items.T)[:, cells.order]
        best = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        turns[part] = np.take_along_axis(turn[part], cell[best], 1)
        top = scores.max(1, keepdims=True)
        weight = np.add.reduceat(np.exp(scores - top), cells.start[:-1], axis=1)
        total[part] = top + np.log(weight.sum(1, keepdims=True))
        share[part] = weight / weight.sum(1, keepdims=True)
    visits = 1 + int(np.quantile(turns, recall, method="inverted_cdf"))
    guess = np.exp(layout.log_size + products + deviation**2 / 2 - total)
    outside = turn >= visits
    ratio = (share * outside).sum(1) / np.maximum((guess * outside).sum(1), 1e-30)
    tail = float(np.log(np.maximum(ratio, 1e-6)).mean()) if visits < len(cells) else 0.0
    return replace(layout, visits=visits, tail=tail)
