"""Slates as the n best of the ranker's lists."""

import numpy as np
import pytest

from tfrec.ranking.lists import MASKED, TrainingLists
from tfrec.reranking.slates import Slates, make_slates

ROWS = np.array([[7, 3, 9, 0], [2, 8, 4, 6]], np.int32)
LABELS = np.array([[0, 1, 0, MASKED], [0, 0, 0, 1]], np.float32)
LISTS = TrainingLists(
    {
        "features": np.stack([ROWS / 10, -ROWS], -1).astype(np.float32),
        "candidates": ROWS,
        "history": np.array([[1, 5], [9, 0]], np.int32),
    },
    LABELS,
)
SCORES = np.array([[-1.0, 2.0, 2.0, 5.0], [0.5, 0.1, 0.9, -3.0]])


@pytest.fixture
def slates() -> Slates:
    return make_slates(LISTS, SCORES, np.array([4, 2]), n=3)


def test_the_best_come_first_and_of_equals_the_one_that_recall_put_first(slates):
    assert slates.rows.tolist() == [[3, 9, 7], [4, 2, 8]]
    assert slates.ranking.tolist() == [[2.0, 2.0, -1.0], np.float32([0.9, 0.5, 0.1]).tolist()]
    np.testing.assert_allclose(slates.retrieval, slates.rows / 10, rtol=1e-6)
    assert slates.user.tolist() == [4, 2]
    np.testing.assert_array_equal(slates.history, LISTS.inputs["history"])


def test_an_answer_that_ranking_put_too_low_is_in_no_slate(slates):
    assert slates.labels.tolist() == [[1, 0, 0], [0, 0, 0]]
    assert slates.answered.tolist() == [True, False]


def test_what_is_missing_comes_last_whatever_its_score():
    slates = make_slates(LISTS, SCORES, np.array([4, 2]), n=9)
    assert slates.rows[0].tolist() == [3, 9, 7, 0]
    assert slates.labels[0, -1] == MASKED
    assert slates.ranking[0, -1] == slates.retrieval[0, -1] == 0


def test_some_of_them_are_the_same_lines(slates):
    other = slates.take(slates.answered)
    assert len(other) == 1
    assert (other.user[0], other.rows[0].tolist()) == (4, [3, 9, 7])


def test_they_come_back_from_a_file(slates, tmp_path):
    slates.save(tmp_path / "slates")
    again = Slates.load(tmp_path / "slates")
    for name, values in vars(slates).items():
        np.testing.assert_array_equal(getattr(again, name), values)
        assert getattr(again, name).dtype == values.dtype
