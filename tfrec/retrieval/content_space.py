"""Language vectors (and those of images …) made fit for nearest neighbours: centred, decorrelated, shortened, unit."""

from typing import NamedTuple

import numpy as np


class ContentSpace(NamedTuple):
    """A whitening (PCA with equal variances; Su et al. 2021, arXiv:2103.15316, eq. 6) learned from a catalogue.

    Raw sentence vectors share a few strong directions that say little; without these, what sets two texts apart counts.
    The covariance of n vectors is drawn towards a sphere by width / n, so that a small catalogue is hardly whitened.

    Attributes:
        mean: float32 `[width]`.
        projection: float32 `[width, dim]`.
    """

    mean: np.ndarray
    projection: np.ndarray

    @classmethod
    def learn(cls, vectors: np.ndarray, dim: int) -> "ContentSpace":
        """From vectors float `[n, width]`, keeping the `dim` directions of the largest variance."""
        count, width = vectors.shape
        mean = vectors.mean(0)
        variance, axes = np.linalg.eigh(np.cov(vectors - mean, rowvar=False, bias=True))
        shrinkage = min(1.0, width / count)
        shrunk = (1 - shrinkage) * variance + shrinkage * variance.mean()
        kept = slice(width - min(dim, width), width)
        return cls(mean, axes[:, kept] / np.sqrt(np.maximum(shrunk[kept], 1e-12)))

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """float `[n, width]` → unit vectors float32 `[n, dim]`; an empty vector stays zero."""
        projected = (vectors - self.mean) @ self.projection
        norm = np.linalg.norm(projected, axis=1, keepdims=True)
        known = np.any(vectors != 0, axis=1, keepdims=True)
        return np.where(known, projected / np.maximum(norm, 1e-9), 0.0).astype(np.float32)
