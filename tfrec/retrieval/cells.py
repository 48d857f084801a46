"""Which vectors lie near one another: k-means cells, the large ones cut, so that a search may look into few of them."""

from dataclasses import dataclass

import numpy as np

BLOCK, CELLS_AT_ONCE = 8192, 512
ROUNDS = 8
MOST_MEANS = 4096
SAMPLE = 64  # vectors for each cell that k-means learns from


@dataclass(frozen=True, eq=False)
class Cells:
    """A partition of vectors.

    Args:
        order: int64 `[vectors]`, their positions, cell after cell.
        start: int64 `[cells + 1]`, where each cell begins in `order`.
    """

    order: np.ndarray
    start: np.ndarray

    def __len__(self) -> int:
        return len(self.start) - 1

    @property
    def sizes(self) -> np.ndarray:
        """Vectors in each cell, int64 `[cells]`."""
        return np.diff(self.start)

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Values `[vectors, …]` by position, added up by cell: `[cells, …]`."""
        sums = []
        for first in range(0, len(self), CELLS_AT_ONCE):  # a reordered copy of all would be as large as all
            start = self.start[first : first + CELLS_AT_ONCE + 1]
            sums.append(np.add.reduceat(values[self.order[start[0] : start[-1]]], start[:-1] - start[0]))
        return np.concatenate(sums)


def make_cells(vectors: np.ndarray, size: int, *, seed: int = 0) -> Cells:
    """k-means, with about twice `size` vectors to a cell, and then no cell larger than `size`.

    Where vectors are dense, cells are cut into finer ones: that is where most answers are.

    Args:
        vectors: float32 `[n, dim]`, n ≥ 1.
        size: the most vectors in a cell.
        seed: of the sample that k-means learns from.
    """
    rng = np.random.default_rng(seed)
    means = int(np.clip(len(vectors) // (2 * size), 1, MOST_MEANS))
    sample = rng.choice(len(vectors), min(len(vectors), SAMPLE * means), replace=False)
    nearest = assign(vectors, k_means(vectors[np.sort(sample)], means, rng))
    order = np.argsort(nearest, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(nearest[order])) + 1)
    parts = [part for group in groups for part in cut(vectors, group, size)]
    return Cells(np.concatenate(parts), np.concatenate([[0], np.cumsum([len(part) for part in parts])]))


def k_means(vectors: np.ndarray, means: int, rng: np.random.Generator) -> np.ndarray:
    """Lloyd's algorithm from vectors drawn at random; a mean without vectors becomes a random one: `[means, dim]`."""
    found = vectors[rng.choice(len(vectors), means, replace=False)]
    for _ in range(ROUNDS):
        nearest = assign(vectors, found)
        order = np.argsort(nearest, kind="stable")
        kept, start = np.unique(nearest[order], return_index=True)
        sizes = np.diff(start, append=len(vectors))
        found = vectors[rng.choice(len(vectors), means, replace=False)]
        found[kept] = np.add.reduceat(vectors[order], start) / sizes[:, None]
    return found


def assign(vectors: np.ndarray, means: np.ndarray) -> np.ndarray:
    """The nearest mean of each vector, int64 `[n]`."""
    half = (means**2).sum(1) / 2
    blocks = (vectors[i : i + BLOCK] for i in range(0, len(vectors), BLOCK))
    return np.concatenate([(block @ means.T - half).argmax(1) for block in blocks])


def cut(vectors: np.ndarray, group: np.ndarray, size: int) -> list[np.ndarray]:
    """Positions int64 `[n]` in equal parts of at most `size`, cut across the direction in which they spread most."""
    parts = -(-len(group) // size)
    if parts == 1:
        return [group]
    left = len(group) * (parts // 2) // parts
    along = np.argpartition(vectors[group] @ _main_axis(vectors[group]), left)
    return [*cut(vectors, group[along[:left]], size), *cut(vectors, group[along[left:]], size)]


def _main_axis(vectors: np.ndarray) -> np.ndarray:
    """About the first principal component, by power iteration."""
    centred = vectors - vectors.mean(0)
    axis = centred[np.argmax((centred**2).sum(1))]
    for _ in range(5):
        axis = centred.T @ (centred @ axis)
        axis /= np.linalg.norm(axis) + 1e-12
    return axis
