"""Whatever a model writes, an order is an order of all candidates, and a reason is one sentence of evidence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfrec.reranking.written import LONGEST, Written, read_written

LIKED = ["Alien", "Dr. Strangelove", "space opera"]
GOOD = "Because you liked Alien, you may enjoy Aliens."


def test_an_order_and_a_sentence():
    assert read_written(f" 2, 1,3 \n {GOOD} \nAnd so on", 3, LIKED) == Written((1, 0, 2), GOOD)
    assert read_written(f"1\n\n{GOOD}", 1, LIKED) == Written((0,), GOOD)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "1, 2",
        "1, 2, 2",
        "1, 2, 4",
        "0, 1, 2",
        "1 2 3",
        "1, 2, 3 and so on",
        "٣, ٢, ١",
        "1, 2, 3,",
        "a, b",
    ],
)
def test_an_order_with_unknown_repeated_or_missing_numbers_is_the_incoming_one_without_a_reason(line):
    assert read_written(f"{line}\n{GOOD}", 3, LIKED) == Written((0, 1, 2), None)


@pytest.mark.parametrize(
    "sentence",
    [
        "",
        "You may enjoy Aliens.",  # another film than the one that was liked
        "Because you liked Alien",  # was cut off
        "You liked Alien. You may enjoy Aliens.",
        "Alien\tis a film you liked.",
        "Alien!",
        "1. Alien was liked.",
        f"Because you liked Alien {'very ' * LONGEST} much.",
    ],
)
def test_a_sentence_that_cannot_be_used_leaves_the_order(sentence):
    assert read_written(f"2, 1\n{sentence}", 2, LIKED) == Written((1, 0), None)


def test_a_full_stop_in_a_title_ends_no_sentence():
    sentence = "As dr. strangelove made you laugh, so will Brazil."
    assert read_written(f"1\n{sentence}", 1, LIKED).reason == sentence
    assert read_written("1\n因为你看过Alien才推荐它。", 1, LIKED).reason


@given(st.text(), st.integers(1, 6), st.lists(st.text(max_size=8), max_size=3))
def test_nothing_that_is_written_breaks_it(answer, candidates, evidence):
    check(read_written(answer, candidates, evidence), candidates)


@given(st.lists(st.integers(-1, 7), max_size=7), st.text(max_size=40))
def test_whatever_numbers_and_words_it_writes(numbers, words):
    check(read_written(f"{', '.join(map(str, numbers))}\n{words} Alien is why.", 4, LIKED), 4)


def check(written: Written, candidates: int) -> None:
    assert sorted(written.order) == list(range(candidates))
    if written.reason is not None:
        assert written.reason.isprintable()
        assert len(written.reason) <= LONGEST


@given(st.permutations(range(5)), st.sampled_from(LIKED))
def test_what_was_meant_is_read(order, fact):
    sentence = f"It goes well with {fact}!"
    answer = f"{', '.join(str(place + 1) for place in order)}\n{sentence}"
    assert read_written(answer, 5, LIKED) == Written(tuple(order), sentence)
