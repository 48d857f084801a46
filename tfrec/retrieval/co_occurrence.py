"""Which items appear in the same histories: for each item its most similar others, by the cosine of their users."""

import numpy as np
from scipy.sparse import csr_matrix, diags

BLOCK = 1024


def neighbours(
    interactions: csr_matrix, k: int, *, user_discount: float = 0.0, shrinkage: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest items of each item (item-kNN, Sarwar et al. 2001, doi:10.1145/371920.372071).

    A user of n items counts `n ** -user_discount`: two of many things that somebody met have less to do with each other
    than two of few. With 1 the users' rows have unit length (Deshpande and Karypis 2004, doi:10.1145/963770.963776).

    A cosine that n users made is multiplied by `n / (n + shrinkage)`: two items that one user met, perhaps by chance,
    look as alike as two that all their users share (Bell and Koren 2007, doi:10.1109/ICDM.2007.90, section 3).

    Args:
        interactions: binary float32 `[users, items]`.
        k: neighbours kept.
        user_discount: 0 = all users count the same.
        shrinkage: users; 0 = the cosine as it is.

    Returns:
        rows int32 `[items + 1, k]` (position + 1; 0 = none) and cosines float32 `[items + 1, k]`, best first;
        line 0 is empty.
    """
    items = interactions.shape[1]
    lengths = np.maximum(np.asarray(interactions.sum(1)).ravel(), 1.0)
    counted = diags(lengths ** (-user_discount / 2)) @ interactions
    norms = np.sqrt(np.asarray(counted.power(2).sum(0)).ravel())
    unit = (counted @ diags(1 / np.where(norms > 0, norms, 1.0))).tocsc().astype(np.float32)
    rows, cosines = np.zeros((items + 1, k), np.int32), np.zeros((items + 1, k), np.float32)
    for first in range(0, items, BLOCK):
        similar = (unit[:, first : first + BLOCK].T @ unit).toarray()
        local = np.arange(len(similar))
        similar[local, first + local] = 0
        if shrinkage:
            together = (interactions[:, first : first + BLOCK].T @ interactions).toarray()
            similar *= together / (together + shrinkage)
        kept = min(k, items)
        top = np.argpartition(-similar, kept - 1, axis=1)[:, :kept]
        top = np.take_along_axis(
            top, np.argsort(-np.take_along_axis(similar, top, 1), axis=1, kind="stable"), 1
        )
        value = np.take_along_axis(similar, top, 1)
        cosines[first + 1 : first + 1 + len(local), :kept] = value
        rows[first + 1 : first + 1 + len(local), :kept] = np.where(value > 0, top + 1, 0)
    return rows, cosines
