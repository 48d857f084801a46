"""Lists of texts, worked out by hand and by an oracle in plain Python."""

import numpy as np
import pytest

from tfrec.data.histories import Histories
from tfrec.data.text_lists import EVENTS, NONE, RIVALS, TextLists, find_text_lists


def of_lists(*lists: list[int]) -> Histories:
    flat = np.array([item for items in lists for item in items], np.int32)
    return Histories(flat, np.cumsum([0, *map(len, lists)]), np.zeros(len(flat)))


def found(
    past: Histories, texts: list[str], near: dict[int, list[int]] | None = None, most: int = 99
) -> TextLists:
    """With the company of each item by position, nobody by default."""
    table = np.zeros((len(texts) + 1, 6), np.int32)
    for item, others in (near or {}).items():
        table[item + 1, : len(others)] = np.array(others) + 1
    return find_text_lists(past, texts, table, most=most, rng=np.random.default_rng(0))


def read(lists: TextLists) -> list[tuple[str, str, set[str]]]:
    """Of each list the texts of the history, the answer, and the others."""

    def words(texts: np.ndarray) -> list[str]:
        return [lists.texts[text] for text in texts if text != NONE]

    return [
        ("".join(words(history)), *words(candidates[:1]), set(words(candidates[1:])))
        for history, candidates in zip(lists.history, lists.candidates, strict=True)
    ]


def test_every_event_with_a_past_is_an_answer():
    past = of_lists([0, 1, 2], [3], [4, 0])
    assert read(found(past, list("abcde"))) == [("a", "b", set()), ("ab", "c", set()), ("e", "a", set())]


def test_others_keep_company_with_the_history_and_the_user_never_meets_them():
    past = of_lists([0, 1, 2], [3, 4])
    lists = found(past, list("abcdef"), {0: [1, 2, 4], 1: [5], 3: [0, 4]})
    assert read(lists) == [("a", "b", {"e"}), ("ab", "c", {"e", "f"}), ("d", "e", {"a"})]


def test_others_are_few_and_each_stands_there_once():
    texts = [f"text {n}" for n in range(12)]
    lists = found(of_lists([0, 1]), texts, {0: [6, 7, 8, 9, 10, 11]})
    assert lists.candidates.shape == (1, 1 + RIVALS)
    assert len(set(lists.candidates[0])) == 1 + RIVALS


def test_the_newest_events_are_read():
    past = of_lists(list(range(EVENTS + 2)))
    texts = [chr(ord("a") + n) for n in range(EVENTS + 2)]
    assert read(found(past, texts))[-1][0] == "".join(texts[1 : EVENTS + 1])


def test_items_with_the_same_text_are_one_and_those_without_are_none():
    past = of_lists([0, 1, 2], [3, 4])
    lists = found(past, ["a", "", "b", "c", "b"], {0: [4, 3], 3: [1]})
    assert read(lists) == [("a", "b", {"c"}), ("c", "b", set())]


@pytest.mark.parametrize("users", [[], [[]], [[0], [1]]])
def test_histories_without_a_step_give_no_list(users):
    lists = found(of_lists(*users), ["a", "b"])
    assert len(lists) == 0
    assert not lists.hold_out(np.random.default_rng(0)).any()


@pytest.fixture
def lists() -> TextLists:
    rng = np.random.default_rng(0)
    past = of_lists(*(rng.permutation(60)[: rng.integers(0, 9)].tolist() for _ in range(80)))
    near = {item: rng.integers(0, 60, 6).tolist() for item in range(60)}
    return found(past, [f"text {item:02}" for item in range(60)], near)


def test_no_more_moments_than_asked_for(lists):
    past = of_lists(*([0, 1] for _ in range(9)))
    assert len(found(past, ["a", "b"], most=4)) == 4


def test_what_is_held_out_is_learned_from_nowhere(lists):
    held = lists.hold_out(np.random.default_rng(1))
    answers = np.unique(lists.answers)
    assert held.sum() == np.ceil(len(answers) / 10)
    assert not np.isin(np.flatnonzero(held), answers, invert=True).any()
    known = lists.without(held)
    assert len(known)
    for texts in (known.history, known.candidates):
        assert not held[texts[texts != NONE]].any()
    assert (known.history != NONE).any(1).all()


def test_answers_that_are_held_out_are_asked_from_what_was_learned(lists):
    held = lists.hold_out(np.random.default_rng(1))
    asked = lists.unread(held)
    assert held[asked.answers].any()
    assert not held[asked.history[asked.history != NONE]].any()
