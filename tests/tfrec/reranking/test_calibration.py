"""Calibration against the formula of its paper, and where it must not do anything."""

import numpy as np
import pytest
import tensorflow as tf

from tfrec.reranking.calibration import SMOOTHING, Calibration
from tfrec.reranking.draft import Draft, Wishes

# rows 1 to 4 are of category 1, rows 5 to 8 of category 2, row 9 of both, row 10 of none
CATEGORY = np.zeros((11, 2), np.int32)
CATEGORY[1:5, 0], CATEGORY[5:9, 0], CATEGORY[9] = 1, 2, (1, 2)


def calibrated(
    rows: list[int], relevance: list[float], recent: list[int], strength: float, k: int
) -> list[int]:
    wishes = Wishes.of(tf.constant([recent]), tf.constant(k))
    made = Calibration(tf.constant(CATEGORY), 3, strength)(
        Draft.of(tf.constant([rows]), tf.constant([relevance], tf.float32)), wishes
    )
    assert (np.diff(made.score) <= 0).all()
    return made.rows.numpy()[0, :k].tolist()


def oracle(rows: list[int], relevance: list[float], recent: list[int], strength: float, k: int) -> list[int]:
    """(1 − λ) rel − λ KL(p ‖ (1 − α) q + α p), one candidate after another."""

    def shares(chosen: list[int]) -> np.ndarray:
        parts = [np.bincount(CATEGORY[row][CATEGORY[row] > 0], minlength=3) for row in chosen]
        return sum(part / max(part.sum(), 1) for part in parts)

    wanted = shares(recent) / shares(recent).sum()
    low, high = min(relevance), max(relevance)
    scaled = {row: (value - low) / (high - low) for row, value in zip(rows, relevance, strict=True)}

    def worth(row: int) -> float:
        mixed = (1 - SMOOTHING) * shares([*chosen, row]) / (len(chosen) + 1) + SMOOTHING * wanted
        divergence = sum(p * np.log(p / q) for p, q in zip(wanted, mixed, strict=True) if p)
        return (1 - strength) * scaled[row] - strength * divergence

    chosen: list[int] = []
    for _ in range(k):
        chosen.append(max((row for row in scaled if row not in chosen), key=worth))
    return chosen


@pytest.mark.parametrize("strength", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("recent", [[1, 2, 6], [5, 9], [9, 10, 1, 1]])
def test_the_graph_does_what_the_formula_says(strength: float, recent: list[int]):
    rng = np.random.default_rng(len(recent))
    rows, relevance = list(range(1, 11)), rng.normal(size=10).tolist()
    assert calibrated(rows, relevance, recent, strength, 6) == oracle(rows, relevance, recent, strength, 6)


def test_a_small_taste_is_not_lost():
    """Three quarters and one quarter of the history: three and one of four places."""
    rows, relevance = [1, 2, 3, 4, 5, 6], [6.0, 5.9, 5.8, 5.7, 1.0, 0.9]
    made = calibrated(rows, relevance, [1, 2, 3, 7], 0.9, 4)
    assert sum(row >= 5 for row in made) == 1


@pytest.mark.parametrize("recent", [[0, 0], [10, 0]], ids=["no history", "a history without categories"])
def test_without_any_category_to_go_by_nothing_changes(recent: list[int]):
    assert calibrated([1, 5, 2, 6], [1.0, 4.0, 3.0, 2.0], recent, 0.9, 4) == [5, 2, 6, 1]
