"""Catalogues of vectors to search: with the structure of trained ones, grown to any size, and without any."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.one_query import K

DIM, ASKED, SAMPLE = 64, 200, 1024
PERTURBATION, LENGTHS = 0.35, 0.1  # of a copy: noise relative to its length, and sd of the log of its length
BLOCK = 50


class World(NamedTuple):
    """Vectors and those who ask.

    Attributes:
        vectors: float32 `[items, dim]`.
        sample: float32 `[n, dim]`, queries that an index may be made with.
        asked: float32 `[queries, dim]`, others, on which it is measured.
        truth: int64 `[queries, K]`, the positions of the largest inner products.
    """

    vectors: np.ndarray
    sample: np.ndarray
    asked: np.ndarray
    truth: np.ndarray


def make_world(vectors: np.ndarray, queries: np.ndarray) -> World:
    """With the exact answers of the last `ASKED` queries."""
    sample, asked = queries[:-ASKED], queries[-ASKED:]
    truth = []
    for first in range(0, len(asked), BLOCK):
        scores = asked[first : first + BLOCK] @ vectors.T
        truth.append(np.argpartition(-scores, K, axis=1)[:, :K])
    return World(vectors, sample, asked, np.concatenate(truth))


def grown(originals: np.ndarray, items: int, rng: np.random.Generator) -> np.ndarray:
    """Copies of vectors float32 `[n, dim]`, each a little beside its original and a little longer or shorter."""
    copies = originals[rng.integers(0, len(originals), items)]
    length = np.linalg.norm(copies, axis=1, keepdims=True)
    copies += PERTURBATION * length * _noise(copies.shape, rng)
    return copies * np.exp(LENGTHS * rng.standard_normal((items, 1), np.float32))


def structured(items: int, run: Path | None = None, *, seed: int = 0) -> World:
    """Grown from the trained towers of a run, or from tastes drawn at random."""
    rng = np.random.default_rng(seed)
    originals, queries = drawn(rng) if run is None else trained(run, rng)
    return make_world(grown(originals, items, rng), queries)


def uniform(items: int, *, seed: int = 0) -> World:
    """Nothing near anything: Gaussian vectors."""
    rng = np.random.default_rng(seed)
    queries = rng.standard_normal((SAMPLE + ASKED, DIM), np.float32)
    return make_world(rng.standard_normal((items, DIM), np.float32), queries)


def drawn(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """4,000 items around 100 themes, of lengths that differ as those of popular items do; and users between themes."""
    themes = _noise((100, DIM), rng)
    items = themes[rng.integers(0, 100, 4000)] + 1.2 * _noise((4000, DIM), rng)
    items *= np.exp(0.2 * rng.standard_normal((4000, 1), np.float32))
    tastes = rng.integers(0, 4000, (SAMPLE + ASKED, 5))
    users = items[tastes].mean(1) + 0.5 * _noise((len(tastes), DIM), rng)
    return items, 10 * users / np.linalg.norm(users, axis=1, keepdims=True)


def trained(run: Path, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The item vectors of a run's two towers, and the queries of its users."""
    from tfrec.run import Run

    opened = Run.open(run)
    model, histories = opened.load_stages("test").two_tower, opened.known("test")
    users = rng.permutation(np.flatnonzero(histories.lengths))[: SAMPLE + ASKED]
    rows = histories.tail_rows(model.query.length)[users]
    queries = model.query_vectors(rows, users + 1).numpy() / model.temperature
    return model.item_vectors().numpy()[1:], queries.reshape(-1, queries.shape[-1])


def _noise(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Of expected length 1."""
    return rng.standard_normal(shape, np.float32) / np.sqrt(np.float32(shape[1]))
