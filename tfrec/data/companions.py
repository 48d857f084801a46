"""Which texts behaviour puts side by side: those of items that stand near each other in somebody's history.

Items with equal text are one text here, for a language model cannot tell them apart; items without text are none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, diags_array

from tfrec.data.histories import Histories

REACH = 3  # the most steps from an item of a history to its companions
SHARE, MOST = 0.1, 256  # of the texts are held out


@dataclass(frozen=True, eq=False)
class Companions:
    """Texts, and which of them keep company.

    Args:
        texts: no text twice; the empty one keeps no company.
        together: bool `[texts, texts]`, symmetric, empty on the diagonal.
    """

    texts: list[str]
    together: csr_matrix

    @property
    def accompanied(self) -> np.ndarray:
        """Texts that have companions, int64 `[n]`."""
        return np.flatnonzero(np.diff(self.together.indptr))

    def draw(self, texts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A companion of each of `texts` (which must have some), all of its own equally likely: int32 `[n]`."""
        first, stop = self.together.indptr[texts], self.together.indptr[texts + 1]
        return self.together.indices[rng.integers(first, stop)]

    def between(self, texts: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Whether they keep company, bool `[len(texts), len(others)]`."""
        return self.together[texts][:, others].toarray()

    def without(self, left_out: np.ndarray) -> Companions:
        """The same texts; those that `left_out`, bool `[texts]`, marks keep no company any more."""
        kept = diags_array(~left_out, dtype=bool)
        return Companions(self.texts, _clean(kept @ self.together @ kept))

    def hold_out(self, rng: np.random.Generator) -> np.ndarray:
        """Random texts to measure on what was never learned: a tenth of those with companions, bool `[texts]`."""
        some = self.accompanied
        held = np.zeros(len(self.texts), bool)
        held[rng.choice(some, min(int(np.ceil(len(some) * SHARE)), MOST), replace=False)] = True
        return held


def find_companions(histories: Histories, texts: Sequence[str], *, reach: int = REACH) -> Companions:
    """The texts of items that stand at most `reach` steps apart in a history.

    Args:
        histories: what may be learned from.
        texts: of every item of the catalogue.
        reach: in steps; 1 = direct followers only.
    """
    unique, code = np.unique(np.array(texts, dtype=object), return_inverse=True)
    text, user = code[histories.item], histories.user
    pairs = [np.stack([text[:-far], text[far:]])[:, user[:-far] == user[far:]] for far in range(1, reach + 1)]
    one, other = np.concatenate(pairs, axis=1)
    steps = csr_matrix((np.ones(len(one), bool), (one, other)), shape=(len(unique), len(unique)))
    return Companions(unique.tolist(), _clean(steps + steps.T)).without(unique == "")


def _clean(together: csr_matrix) -> csr_matrix:
    """A matrix without stored zeros and without a diagonal."""
    together = csr_matrix(together, dtype=bool)
    together.setdiag(False)
    together.eliminate_zeros()
    return together
