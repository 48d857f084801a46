"""Five recommenders that a new model has to beat, in their textbook form.

Each is fitted on histories (and the words of the items) and scores users by number; it knows neither targets
nor metrics. `rivals.py` runs them through the protocol. Foreign libraries are loaded when a baseline is
fitted; one that cannot be fitted raises `LeftOutError` with the reason, which the report repeats.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import spotrf, spotri
from scipy.sparse import csr_array, diags_array

from tfrec.data.histories import Histories
from tfrec.schema import Role, Schema

if TYPE_CHECKING:
    import pandas as pd

Scores = NDArray[np.float32]

EASE_ITEMS = 20_000
KNN_PAIRS = 500_000_000
_INSTALL = "needs {library}, which is not installed: pip install 'tfrec[bench]'"
_WORD_ROLES = (Role.TEXT, Role.CATEGORY, Role.CATEGORICAL, Role.NUMBER)


class LeftOutError(Exception):
    """A baseline that cannot be fitted here; the message is the reason to show."""


class Baseline(Protocol):
    """What every baseline offers."""

    @classmethod
    def fit(cls, histories: Histories, n_items: int, texts: Sequence[str] | None = None) -> Self:
        """Learns from histories over `n_items` positions and, if it reads, from one text for each item."""
        ...

    def score(self, users: NDArray[np.int32]) -> Scores:
        """Scores of the whole catalogue, float32 `[users, items]`; what a user has seen is not masked."""
        ...


@dataclass(frozen=True)
class Popularity:
    """The same list for everybody: `score(u, i)` = number of interactions with i."""

    counts: Scores

    @classmethod
    def fit(cls, histories: Histories, n_items: int, texts: Sequence[str] | None = None) -> Self:
        return cls(histories.counts(n_items).astype(np.float32))

    def score(self, users: NDArray[np.int32]) -> Scores:
        return np.broadcast_to(self.counts, (len(users), self.counts.size))


@dataclass(frozen=True)
class ItemKNN:
    """Items bought by the same people: `score(u, i) = sum over j in history of cos(x_j, x_i)`, j ≠ i.

    `x_i` is the binary vector of the users of item i; all neighbours count, without shrinkage.
    Reference: Sarwar et al., "Item-based collaborative filtering recommendation algorithms", WWW 2001.
    """

    history: csr_array
    cosine: csr_array

    @classmethod
    def fit(cls, histories: Histories, n_items: int, texts: Sequence[str] | None = None) -> Self:
        history = _binary(histories, n_items)
        pairs = int((histories.lengths.astype(np.int64) ** 2).sum())
        if min(pairs, n_items**2) > KNN_PAIRS:
            raise LeftOutError(f"up to {pairs:,} pairs of items are too many to hold (limit {KNN_PAIRS:,})")
        unit = history @ diags_array(1 / np.sqrt(np.maximum(_counts(history), 1)), dtype=np.float32)
        cosine = csr_array(unit.T @ unit)
        cosine.setdiag(0)
        return cls(history, cosine)

    def score(self, users: NDArray[np.int32]) -> Scores:
        return (self.history[users] @ self.cosine).toarray()


@dataclass(frozen=True)
class EASE:
    """A linear autoencoder with a zero diagonal, solved in closed form: `score(u, .) = x_u B`.

    `P = (X'X + penalty I)^-1`, `B[i, j] = -P[i, j] / P[j, j]` off the diagonal. Memory is one dense items ×
    items float32 matrix, inverted in place through its Cholesky factor; beyond 20,000 items it is left out.
    Reference: Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019, equation 8.
    """

    history: csr_array
    weights: Scores

    @classmethod
    def fit(
        cls, histories: Histories, n_items: int, texts: Sequence[str] | None = None, *, penalty: float = 100.0
    ) -> Self:
        if n_items > EASE_ITEMS:
            raise LeftOutError(
                f"it inverts a dense matrix of {n_items:,} × {n_items:,} items, "
                f"{4 * n_items**2 / 2**30:.1f} GiB and an hour or more (limit {EASE_ITEMS:,} items)"
            )
        history = _binary(histories, n_items)
        gram = (history.T @ history).toarray()
        np.fill_diagonal(gram, gram.diagonal() + penalty)
        weights = _invert_in_place(gram)
        weights /= -weights.diagonal().copy()
        np.fill_diagonal(weights, 0.0)
        return cls(history, weights)

    def score(self, users: NDArray[np.int32]) -> Scores:
        return self.history[users] @ self.weights


@dataclass(frozen=True)
class IALS:
    """Matrix factorisation of implicit feedback: `score(u, i) = p_u · q_i`, 128 factors.

    Reference: Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008, as
    implemented by the implicit library (its conjugate gradient solver).
    """

    users: Scores
    items: Scores

    @classmethod
    def fit(cls, histories: Histories, n_items: int, texts: Sequence[str] | None = None) -> Self:
        try:
            from implicit.cpu.als import AlternatingLeastSquares
            from threadpoolctl import threadpool_limits
        except ImportError as error:
            raise LeftOutError(_INSTALL.format(library="implicit")) from error
        # implicit runs its own threads; BLAS threads inside each make it crawl
        with threadpool_limits(1, user_api="blas"):
            model = AlternatingLeastSquares(
                factors=128, regularization=0.1, alpha=5, iterations=20, random_state=0
            )
            model.fit(histories.matrix(n_items), show_progress=False)
        return cls(model.user_factors, model.item_factors)

    def score(self, users: NDArray[np.int32]) -> Scores:
        return self.users[users] @ self.items.T


@dataclass(frozen=True)
class TFIDF:
    """Items that read alike: `score(u, i) = sum over j in history of t_j · t_i`, t the unit tf-idf vectors.

    scikit-learn's sublinear tf-idf without its English stop words. It needs no interaction with an item to
    score it.
    """

    history: csr_array
    words: csr_array

    @classmethod
    def fit(cls, histories: Histories, n_items: int, texts: Sequence[str] | None = None) -> Self:
        if not any(texts or ()):
            raise LeftOutError("the items have no text")
        try:
            from sklearn.feature_extraction.text import TfidfVectorizer
        except ImportError as error:
            raise LeftOutError(_INSTALL.format(library="scikit-learn")) from error
        vectorizer = TfidfVectorizer(sublinear_tf=True, stop_words="english", dtype=np.float32)
        try:
            words = vectorizer.fit_transform(texts)
        except ValueError as error:  # "empty vocabulary": nothing but stop words and single letters
            raise LeftOutError("the texts of the items hold no word to compare") from error
        return cls(_binary(histories, n_items), csr_array(words))

    def score(self, users: NDArray[np.int32]) -> Scores:
        return ((self.history[users] @ self.words) @ self.words.T).toarray()


BASELINES: Mapping[str, type[Baseline]] = {
    "popularity": Popularity,
    "item_knn": ItemKNN,
    "ease": EASE,
    "ials": IALS,
    "tfidf": TFIDF,
}
"""The baselines of metrics.json, by their key there."""


def item_words(items: "pd.DataFrame", schema: Schema) -> list[str]:
    """What TF-IDF reads of each item: all text, category and number columns, in the table's order.

    Genres, years and prices are words too. A missing value reads as nothing, an item without values as "".
    """
    columns = [column for column in items.columns if schema.items.get(column) in _WORD_ROLES]
    if not columns:
        return [""] * len(items)
    words = [items[column].astype(str).where(items[column].notna(), "") for column in columns]
    return [" ".join(filter(None, row)) for row in zip(*words, strict=True)]


def _binary(histories: Histories, n_items: int) -> csr_array:
    return csr_array(histories.matrix(n_items))


def _counts(history: csr_array) -> Scores:
    return np.asarray(history.sum(axis=0)).ravel()


def _invert_in_place(matrix: Scores) -> Scores:
    """The inverse of a symmetric positive definite matrix, in its own memory (numpy would take three)."""
    # LAPACK overwrites column-major memory only: the transpose, which is the same matrix
    factor, failed = spotrf(matrix.T, lower=1, overwrite_a=1)
    if not failed:
        inverse, failed = spotri(factor, lower=1, overwrite_c=1)
    if failed:
        raise LeftOutError("the item matrix cannot be inverted in float32")
    upper = inverse.T
    for row in range(len(upper)):
        upper[row + 1 :, row] = upper[row, row + 1 :]
    return upper
