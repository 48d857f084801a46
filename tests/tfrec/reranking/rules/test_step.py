"""Rules in the graph: by hand, and over random books that no slate may break."""

import numpy as np
import pandas as pd
import tensorflow as tf
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tfrec.reranking.draft import ABSENT, Draft, Wishes
from tfrec.reranking.rules.book import make_book
from tfrec.reranking.rules.read import read_rules
from tfrec.reranking.rules.rule import RulesError
from tfrec.reranking.rules.step import Rules
from tfrec.schema import Role

KINDS = ["x", "x", "x", "y", "y", "z|x", "", "z"]  # of the rows 1 to 8, whose ids are a to h
ITEMS = pd.DataFrame({"item_id": list("abcdefgh"), "kind": KINDS})
IDS = {"": 0, "x": 1, "y": 2, "z": 3}
TABLE = np.zeros((9, 2), np.int32)
for row, values in enumerate(KINDS, 1):
    for slot, value in enumerate(values.split("|")):
        TABLE[row, slot] = IDS[value]


def rules(*lines: str) -> Rules:
    text = "\n".join(f"- {{name: R{n}, {line}}}" for n, line in enumerate(lines, 1))
    return Rules(
        make_book(read_rules(text), ITEMS, {"kind": Role.CATEGORY}, k=8), {"kind": tf.constant(TABLE)}
    )


def ruled(made: Rules, order: str = "abcdefgh", k: int = 8) -> str:
    """The slate as ids, of candidates whose relevance falls."""
    rows = tf.constant([["_abcdefgh".index(item) for item in order]])
    relevance = -tf.cast(tf.range(rows.shape[1]), tf.float32)[None]
    wishes = Wishes.of(rows, tf.constant(k))
    draft = made(Draft.of(rows, relevance), wishes)
    assert (np.diff(draft.score) <= 0).all()
    assert ((draft.score.numpy() > ABSENT) == (draft.rows.numpy() > 0)).all()
    return "".join("_abcdefgh"[row] for row in draft.rows.numpy()[0, :k] if row)


def test_blocked_and_filtered_items_are_gone():
    assert ruled(rules("action: block, where: {item_id: [a, h]}")) == "bcdefg"
    assert ruled(rules("action: filter, where: {kind: [y, z]}")) == "defh"


def test_pins_stand_where_they_are_pinned():
    assert ruled(rules("action: pin, where: {item_id: h}, position: 2")) == "ahbcdefg"
    two = rules(
        "action: pin, where: {item_id: h}, position: 2", "action: pin, where: {item_id: a}, position: 4"
    )
    assert ruled(two) == "bhcadefg"
    assert ruled(two, k=3) == "bhc"


def test_a_pin_beyond_a_short_slate_comes_last():
    assert ruled(rules("action: pin, where: {item_id: a}, position: 5"), "abc") == "bca"


def test_boost_and_bury_move_by_the_range_of_the_scores():
    """Eight candidates stand 1/7 apart: 0.3 is two places and a bit."""
    assert ruled(rules("action: boost, where: {item_id: h}, by: 0.3")) == "abcdehfg"
    assert ruled(rules("action: bury, where: {kind: x}, by: 2")) == "deghabcf"


def test_a_cap_counts_every_value_of_an_item():
    assert ruled(rules("action: cap, column: kind, at_most: 2")) == "abdegh"
    assert ruled(rules("action: cap, column: kind, at_most: 1")) == "adgh"


def test_a_cap_leaves_room_for_a_pin():
    both = ("action: cap, column: kind, at_most: 2", "action: pin, where: {item_id: c}, position: 4")
    assert ruled(rules(*both)) == "adecgh"


def test_no_more_than_two_in_a_row_while_there_are_others():
    assert ruled(rules("action: in_a_row, column: kind, at_most: 2")) == "abdcefgh"
    assert ruled(rules("action: in_a_row, column: kind, at_most: 1"), "abc") == "abc"


def test_windows_go_by_the_clock():
    assert ruled(rules("action: block, where: {item_id: a}, until: 2020-01-01")) == "abcdefgh"
    assert ruled(rules("action: block, where: {item_id: a}, from: 2020-01-01")) == "bcdefgh"
    assert ruled(rules("action: cap, column: kind, at_most: 1, from: 2990-01-01")) == "abcdefgh"
    early = "action: pin, where: {item_id: h}, position: 1, until: 2020-01-01"
    late = "action: pin, where: {item_id: g}, position: 1, from: 2020-01-01"
    assert ruled(rules(early, late)) == "gabcdefh"


def test_pinned_items_join_the_candidates_unless_forbidden():
    made = rules(
        "action: pin, where: {item_id: h}, position: 1", "action: pin, where: {item_id: g}, position: 2"
    )
    rows = tf.constant([[1, 8], [1, 2]])
    joined = made.with_pinned(rows, tf.constant([[False, False], [False, True]]))
    assert joined.numpy().tolist() == [[1, 8, 0, 7], [1, 2, 8, 0]]


def test_the_rule_that_promotes():
    made = rules("action: bury, where: {kind: y}, by: 1", "action: boost, where: {kind: z}, by: 1")
    assert made.promoter(tf.constant([[4, 6, 8, 1, 0]])).numpy().tolist() == [[b"", b"R2", b"R2", b"", b""]]


WHERE = st.one_of(
    st.sampled_from("abcdefgh").map(lambda item: f"{{item_id: {item}}}"),
    st.sampled_from("xyz").map(lambda kind: f"{{kind: {kind}}}"),
)
WINDOW = st.sampled_from(["", "", ", until: 2020-01-01", ", from: 2020-01-01"])
RULE = st.one_of(
    st.tuples(st.sampled_from(["block", "filter"]), WHERE).map(lambda r: f"action: {r[0]}, where: {r[1]}"),
    st.tuples(st.sampled_from(["boost", "bury"]), WHERE, st.floats(0.01, 9)).map(
        lambda r: f"action: {r[0]}, where: {r[1]}, by: {r[2]}"
    ),
    st.tuples(st.sampled_from("abcdefgh"), st.integers(1, 8)).map(
        lambda r: f"action: pin, where: {{item_id: {r[0]}}}, position: {r[1]}"
    ),
    st.tuples(st.sampled_from(["cap", "in_a_row"]), st.integers(1, 4)).map(
        lambda r: f"action: {r[0]}, column: kind, at_most: {r[1]}"
    ),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(RULE, WINDOW).map("".join), min_size=1, max_size=6),
    st.permutations("abcdefgh"),
    st.integers(1, 8),
)
def test_no_book_and_no_slate_ever_serves_a_blocked_item(lines: list[str], order: list[str], k: int):
    try:
        made = rules(*lines)
    except RulesError:
        assume(False)
    slate = ruled(made, "".join(order), k)
    holds = [rule for rule in made.book.rules if rule.end == np.inf]  # windows lie wholly before or after now
    place = {rule.name: n for n, rule in enumerate(made.book.rules)}
    banned = {
        "_abcdefgh"[row] for rule in holds for row in np.flatnonzero(made.book.bans()[place[rule.name]])
    }
    assert not banned & set(slate)
    assert len(set(slate)) == len(slate) <= k
    pins = {
        rule.position: "_abcdefgh"[made.book.pinned(place[rule.name])]
        for rule in holds
        if rule.action == "pin"
    }
    for position, item in pins.items():
        if position <= len(slate):
            assert slate[position - 1] == item
    for cap in (rule for rule in holds if rule.action == "cap"):
        kinds = [value for item in slate for value in KINDS["abcdefgh".index(item)].split("|") if value]
        assert all(kinds.count(value) <= cap.at_most for value in kinds)
