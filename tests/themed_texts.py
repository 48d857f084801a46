"""Texts that mislead: what is taken together shares the last word, the theme; the other three words are colours and a
maker, and every theme has a text with the same three."""

from pathlib import Path

import numpy as np

from tests.tiny_bert import tiny_bert
from tfrec.data.histories import Histories

THEMES = ("sea", "hill", "star", "bread", "cloth", "paper", "wool", "iron")
COLOURS = ("red", "blue", "green", "black", "white", "grey")
MAKERS = ("ada", "bob", "cleo", "dora")
EACH = 12  # texts of a theme
TOOK = 5  # items of a user, all of one theme


def themed_texts() -> list[str]:
    """96 texts, theme by theme; those at the same place of two themes differ in one word of four."""
    decoys = [
        f"{colour} {MAKERS[place % 4]} {COLOURS[(2 * place + 1 + place // 6) % 6]}"
        for place, colour in enumerate(2 * COLOURS)
    ]
    return [f"{decoy} {theme}" for theme in THEMES for decoy in decoys]


def themed_histories(users: int = 150) -> Histories:
    """Users who took some items of one theme."""
    rng = np.random.default_rng(0)
    taken = [EACH * rng.integers(len(THEMES)) + rng.permutation(EACH)[:TOOK] for _ in range(users)]
    return Histories(
        np.concatenate(taken).astype(np.int32), TOOK * np.arange(users + 1), np.zeros(TOOK * users)
    )


def themed_encoder(folder: Path) -> Path:
    """A language model to which every word weighs the same."""
    return tiny_bert(folder, [*THEMES, *COLOURS, *MAKERS])


def found_by_theme(vectors: np.ndarray, asked: np.ndarray) -> float:
    """The share of the texts `asked`, bool `[texts]`, whose nearest other text is of the same theme."""
    theme = np.arange(len(vectors)) // EACH
    likeness = vectors @ vectors.T - 3 * np.eye(len(vectors))
    return float((theme[likeness.argmax(1)] == theme)[asked].mean())
