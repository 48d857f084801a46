"""A peer's answer: vectors whose inner products are its scores; items that it never saw come last."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Vectors(NamedTuple):
    """What a model of vectors says of everybody.

    Attributes:
        users: float32 `[users, dim]`.
        items: float32 `[known, dim]`.
        known: int64 `[known]`, their positions in the catalogue.
        catalogue: how many items there are.
    """

    users: NDArray[np.float32]
    items: NDArray[np.float32]
    known: NDArray[np.int64]
    catalogue: int | NDArray[np.integer]

    def score(self, users: NDArray[np.int32]) -> NDArray[np.float32]:
        """Inner products with the whole catalogue, float32 `[users, items]`; -inf for an item never seen."""
        scores = np.full((len(users), int(self.catalogue)), -np.inf, np.float32)
        scores[:, self.known] = self.users[users] @ self.items.T
        return scores
