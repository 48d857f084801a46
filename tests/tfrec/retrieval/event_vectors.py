"""A small batch of histories as vectors, for the tests of the user side."""

import numpy as np

DIM, LENGTH = 8, 6


def events(batch: int = 3, length: int = 5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of events and which of them are there: all of the first line, two of the second, ..."""
    x = np.random.default_rng(seed).normal(size=(batch, length, DIM)).astype(np.float32)
    sizes = np.array([length, 2, *[length - 1] * batch][:batch])
    return x, np.arange(length) < sizes[:, None]
