"""The loss with a teacher, by its formula."""

import numpy as np
import pytest

from tfrec.reranking.distillation import DistilledLoss

NAN = np.nan


def softmax(x: np.ndarray) -> np.ndarray:
    return np.exp(x) / np.exp(x).sum()


def loss(labels, teacher, scores, weight: float) -> float:
    y_true = np.stack([labels, teacher], -1)[None].astype(np.float32)
    return float(DistilledLoss(weight)(y_true, np.array([scores], np.float32)))


LABELS, TEACHER, SCORES = (np.array(v) for v in ([0, 1, 0, -1], [2.0, 1.0, NAN, 7.0], [0.5, -1.0, 2.0, 9.0]))
OWN = -np.log(softmax(SCORES[:3])[1])
TAUGHT = -(softmax(TEACHER[:2]) * np.log(softmax(SCORES[:2]))).sum()


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_it_mixes_what_came_next_and_what_the_teacher_says_of_what_it_scored(weight):
    expected = (1 - weight) * OWN + weight * TAUGHT
    assert loss(LABELS, TEACHER, SCORES, weight) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("teacher", [[NAN] * 4, [NAN, 3.0, NAN, NAN], [NAN, NAN, NAN, 1.0]])
def test_a_slate_without_two_scores_of_the_teacher_is_learned_from_what_came_next(teacher):
    assert loss(LABELS, np.array(teacher), SCORES, 0.7) == pytest.approx(OWN, rel=1e-5)


def test_a_slate_without_an_answer_is_learned_from_the_teacher():
    assert loss(np.array([0, 0, 0, -1]), TEACHER, SCORES, 0.4) == pytest.approx(0.4 * TAUGHT, rel=1e-5)


def test_a_weight_is_a_share():
    with pytest.raises(ValueError, match=r"`weight` must lie in \[0, 1\]. Received: 1.5"):
        DistilledLoss(1.5)
