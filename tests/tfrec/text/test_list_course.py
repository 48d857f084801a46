"""Lessons and exams of lists: what is read, what stands against what, what is never shown."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from tfrec.data.text_lists import NONE, TextLists
from tfrec.text.list_course import DECAY, HeldOutLists, ListCourse, rivals, weights

TEXTS = [f"text {n}" for n in range(40)]


def small() -> TextLists:
    """User 0 has met the texts 0 to 3, user 1 has met 4, 5 and 1."""
    met = csr_matrix(([True] * 7, ([0, 0, 0, 0, 1, 1, 1], [0, 1, 2, 3, 4, 5, 1])), shape=(2, 8))
    history = np.int32([[0, 1, NONE], [4, NONE, NONE]])
    candidates = np.int32([[2, 6, 7], [5, 0, NONE]])
    return TextLists(TEXTS[:8], history, candidates, np.int32([0, 1]), met)


def test_newer_events_weigh_more_and_what_is_not_there_nothing():
    np.testing.assert_allclose(weights(small().history), np.float32([[DECAY, 1, 0], [1, 0, 0]]))


def test_rivals_are_what_the_user_has_never_met():
    """In turn the texts 2, 6, 7, 5, 0 and none."""
    assert rivals(small()).tolist() == [
        [False, True, True, True, False, False],
        [True, True, True, False, True, False],
    ]


@pytest.fixture
def lists() -> TextLists:
    rng = np.random.default_rng(0)
    met = csr_matrix(rng.random((30, 40)) < 0.3)
    user = rng.integers(0, 30, 200).astype(np.int32)
    own = [rng.permutation(met[u].indices)[:4] for u in user]
    history = np.int32([texts[:3] for texts in own])
    others = rng.integers(0, 40, (200, 2))
    candidates = np.concatenate([[[texts[3]] for texts in own], others], axis=1).astype(np.int32)
    return TextLists(TEXTS, history, candidates, user, met)


class Encoder:
    """Texts are corners: a history is like the texts in it, the newest most."""

    def encode(self, texts: list[str]) -> np.ndarray:
        return np.float32([[text == other for other in TEXTS] for text in texts])


def test_a_batch_is_made_of_lists_that_hold_nothing_held_out(lists):
    course = ListCourse(lists, np.random.default_rng(0))
    tokens = np.arange(40, dtype=np.int32)[:, None]  # the token says which text it is
    hidden = {int(text.split()[1]) for text in course.exam.pool}
    batch = next(iter(course.batches(tokens, 8).as_numpy_iterator()))
    assert batch["history"].shape == (8, 3, 1)
    assert batch["candidates"].shape == (8, 3, 1)
    shown = batch["history"][batch["weight"] > 0][:, 0].tolist() + batch["candidates"][:, 0, 0].tolist()
    shown += batch["candidates"].reshape(-1)[batch["rival"].any(0)].tolist()
    assert not hidden & set(shown)
    assert course.reads == 6


def test_an_exam_asks_histories_for_held_out_answers(lists):
    held = lists.hold_out(np.random.default_rng(1))
    exam = HeldOutLists(lists, held, np.random.default_rng(1))
    exam.set_model(type("Model", (), {"encoder": Encoder()})())
    assert exam.pool == [TEXTS[text] for text in np.flatnonzero(held)]
    assert len(exam) > 0
    for line, (answer, asked) in enumerate(zip(exam.answers, exam.asked(), strict=True)):
        own = exam.lists.take(np.array([line]))
        assert exam.pool[answer] == TEXTS[own.answers[0]]
        assert exam.right[line, answer]
        read = own.history[0][own.history[0] != NONE]
        np.testing.assert_array_equal(np.flatnonzero(asked), np.sort(read))
        assert asked[read[-1]] == asked.max()
        np.testing.assert_allclose(np.linalg.norm(asked), 1, rtol=1e-5)
