"""Ranks of held-out texts by hand."""

import numpy as np

from tests.themed_texts import THEMES, themed_histories, themed_texts
from tfrec.data.companions import find_companions
from tfrec.text.held_out import QUESTIONS, reciprocal_ranks
from tfrec.text.pair_course import HeldOutPairs

SCORES = np.array([[0.9, 0.5, 0.7, 0.1]])


def rank(answer: int, *also_right: int) -> float:
    right = np.isin(np.arange(4), [answer, *also_right])[None]
    return float(reciprocal_ranks(SCORES, np.array([answer]), right)[0])


def test_reciprocal_rank():
    assert [rank(answer) for answer in range(4)] == [1, 1 / 3, 1 / 2, 1 / 4]


def test_other_right_answers_stand_in_nobodys_way():
    assert rank(1, 0) == 1 / 2
    assert rank(1, 0, 2) == 1


def test_a_tie_counts_against_the_answer():
    same = np.full((1, 4), 0.5)
    assert reciprocal_ranks(same, np.array([2]), np.eye(4, dtype=bool)[[2]]).tolist() == [1 / 4]


class Encoder:
    """Sees nothing but the theme."""

    def encode(self, texts: list[str]) -> np.ndarray:
        return np.array([[text.endswith(theme) for theme in THEMES] for text in texts], np.float32)


def test_questions_are_learned_texts_and_answers_are_held_out():
    companions = find_companions(themed_histories(), themed_texts())
    held = companions.hold_out(np.random.default_rng(0))
    exam = HeldOutPairs(companions, held, np.random.default_rng(0))
    texts = np.array(companions.texts)
    assert exam.pool == texts[held].tolist()
    assert not set(exam.questions) & set(exam.pool)
    assert 0 < len(exam) <= QUESTIONS
    for question, answer in zip(exam.questions, exam.answers, strict=True):
        assert question.split()[-1] == exam.pool[answer].split()[-1]  # here companions share a theme


def test_who_sees_what_decides_is_right_up_to_ties():
    companions = find_companions(themed_histories(2000), themed_texts())  # all of a theme have met
    held = companions.hold_out(np.random.default_rng(0))
    exam = HeldOutPairs(companions, held, np.random.default_rng(0))
    exam.set_model(type("Model", (), {"encoder": Encoder()})())
    assert exam.measure().tolist() == [1.0] * len(exam)


def test_the_error_is_that_of_the_gain_question_by_question(monkeypatch):
    companions = find_companions(themed_histories(), themed_texts())
    exam = HeldOutPairs(companions, companions.hold_out(np.random.default_rng(0)), np.random.default_rng(0))
    ranks = iter([np.array([0.5, 0.5, 1.0, 0.25]), np.array([1.0, 0.5, 1.0, 0.75])])
    monkeypatch.setattr(exam, "measure", lambda: next(ranks))
    logs: dict[str, float] = {}
    exam.on_train_begin()
    exam.on_epoch_begin(0)
    exam.on_epoch_end(0, logs)
    assert logs["val_mrr"] == 3.25 / 4
    assert logs["val_error"] == np.std([0.5, 0, 0, 0.5]) / np.sqrt(4)
