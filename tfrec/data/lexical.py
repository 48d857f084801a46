"""The words of items as vectors: what a language model blurs (names, model numbers, rare words) stays sharp here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import svds

WORD = re.compile(r"\w\w+")
LEAST_ITEMS = 2  # a word of one item alone makes nothing alike


@dataclass(frozen=True, eq=False)
class LexicalSpace:
    """TF-IDF in fewer dimensions (latent semantic analysis, Deerwester et al. 1990), learned from a catalogue.

    Args:
        words: the vocabulary, sorted.
        table: float32 `[words, dim]`, each word's inverse document frequency times its place.
    """

    words: np.ndarray
    table: np.ndarray

    @classmethod
    def learn(cls, texts: Sequence[str], dim: int) -> LexicalSpace:
        """From the catalogue's texts; `dim` is lowered to what they can tell apart."""
        bags = [_bag(text) for text in texts]
        items = Counter(word for bag in bags for word in bag)
        words = np.array(sorted(word for word, n in items.items() if n >= LEAST_ITEMS), np.str_)
        rarity = np.log((1 + len(texts)) / (1 + np.array([items[word] for word in words]))) + 1
        counts = _matrix(bags, words)
        kept = min(dim, min(counts.shape) - 1)
        if kept < 1:
            return cls(words[:0], np.zeros((0, 0), np.float32))
        places = svds(_unit_rows(counts.multiply(rarity)), k=kept, random_state=0)[2].T
        return cls(words, (rarity[:, None] * places).astype(np.float32))

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors float32 `[n, dim]`; zero for a text without a known word."""
        vectors = _matrix([_bag(text) for text in texts], self.words) @ self.table
        norm = np.linalg.norm(vectors, axis=1, keepdims=True)
        return (vectors / np.maximum(norm, 1e-9)).astype(np.float32)


def _bag(text: str) -> Counter[str]:
    return Counter(WORD.findall(text.lower()))


def _matrix(bags: Sequence[Counter[str]], words: np.ndarray) -> csr_matrix:
    """1 + log of how often each word stands in each text, float64 `[texts, words]`."""
    place = {word: i for i, word in enumerate(words.tolist())}
    known = [[(place[word], n) for word, n in bag.items() if word in place] for bag in bags]
    start = np.cumsum([0, *map(len, known)])
    column, count = np.array([pair for line in known for pair in line], np.float64).reshape(-1, 2).T
    return csr_matrix((1 + np.log(count), column.astype(np.int32), start), shape=(len(bags), len(words)))


def _unit_rows(matrix: csr_matrix) -> csr_matrix:
    matrix = csr_matrix(matrix)
    norm = np.sqrt(np.asarray(matrix.multiply(matrix).sum(1)).ravel())
    return csr_matrix(matrix.multiply(1 / np.maximum(norm, 1e-9)[:, None]))
