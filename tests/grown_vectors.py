"""Vectors with the structure of trained ones: few originals, many near copies of each, of several lengths."""

import numpy as np


def grown(items: int, dim: int, *, queries: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Item vectors float32 `[items + 1, dim]`, row 0 zero, and queries float32 `[queries, dim]`.

    More queries of one seed begin with the fewer ones.
    """
    rng = np.random.default_rng(seed)
    originals = rng.normal(size=(max(1, items // 40), dim)) / np.sqrt(dim)
    vectors = originals[rng.integers(0, len(originals), items)]
    vectors += 0.3 * rng.normal(size=vectors.shape) / np.sqrt(dim)
    vectors *= np.exp(0.2 * rng.normal(size=(items, 1)))
    asked = np.random.default_rng(seed + 1).normal(size=(queries, dim))
    return np.concatenate([np.zeros((1, dim)), vectors]).astype(np.float32), asked.astype(np.float32) * 2
