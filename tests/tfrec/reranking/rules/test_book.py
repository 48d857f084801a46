"""Rules over a catalogue: which items they mean, and the contradictions that are found at load."""

import logging

import numpy as np
import pandas as pd
import pytest

from tfrec.reranking.rules.book import NO_RULES, make_book
from tfrec.reranking.rules.read import read_rules
from tfrec.reranking.rules.rule import RulesError
from tfrec.schema import Role

ITEMS = pd.DataFrame(
    {
        "item_id": ["a", "b", "c", "d"],
        "kind": ["x|y", "y", "", "z"],
        "price": [1.0, 5.0, np.nan, 9.0],
        "title": ["one", "two", "three", "four"],
    }
)
ROLES = {"kind": Role.CATEGORY, "price": Role.NUMBER, "title": Role.TEXT}


def book(*rules: str, k: int = 10):
    return make_book(read_rules("\n".join(f"- {{{rule}}}" for rule in rules)), ITEMS, ROLES, k=k)


@pytest.mark.parametrize(
    ("where", "meant"),
    [
        ("item_id: [a, d]", "ad"),
        ("kind: y", "ab"),
        ("kind: [x, z]", "ad"),
        ("price: {above: 1}", "bd"),
        ("price: {above: 0, below: 6}", "ab"),
        ("kind: y, price: {below: 3}", "a"),
    ],
)
def test_the_items_that_a_rule_means(where: str, meant: str):
    made = book(f"name: r, action: block, where: {{{where}}}")
    assert "".join(ITEMS["item_id"][made.matches[0, 1:]]) == meant
    assert not made.matches[0, 0]


def test_bans_of_filters_and_blocks():
    made = book("name: f, action: filter, where: {kind: y}", "name: b, action: block, where: {item_id: a}")
    assert made.bans().tolist() == [[False, False, False, True, True], [False, True, False, False, False]]
    assert make_book([], ITEMS, ROLES, k=3) is NO_RULES


PIN_A, PIN_B = "where: {item_id: a}, action: pin", "where: {item_id: b}, action: pin"


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (["name: r, action: block, where: {colour: red}"],
         ["'r' (line 1)", "unknown column 'colour'", "item_id, kind"]),
        (["name: r, action: block, where: {title: one}"], ["unknown column 'title'"]),
        (["name: r, action: block, where: {kind: {above: 1}}"], ["unknown column 'kind'", "one of: price"]),
        (["name: r, action: cap, column: price, at_most: 1"], ["unknown column 'price'", "one of: kind"]),
        (["name: r, action: boost, by: 1, where: {kind: yy}"], ["no item has the kind 'yy'", "Did you mean 'y'?"]),
        ([f"name: r, position: 1, {PIN_A.replace('a}', 'q}')}"], ["no item has the item_id 'q'"]),
        (["name: r, action: pin, where: {kind: y}, position: 1"], ["must mean one item", "Received: 2 items"]),
        ([f"name: r, position: 1, {PIN_A}", f"name: s, position: 1, {PIN_B}"],
         ["'r' (line 1) and rule 's' (line 2)", "two items to position 1"]),
        ([f"name: r, position: 1, {PIN_A}", f"name: s, position: 2, {PIN_A}"],
         ["'r'", "'s'", "one item to two positions"]),
        ([f"name: r, position: 11, {PIN_A}"], ["the longest slate has 10 places", "position 11"]),
        ([f"name: r, position: 1, {PIN_A}", "name: s, action: block, where: {kind: x}"],
         ["'r'", "'s'", "keeps away"]),
        ([f"name: r, position: 1, {PIN_A}", "name: s, action: filter, where: {kind: z}"],
         ["'r'", "'s'", "keeps away"]),
        (["name: r, action: boost, by: 1, where: {kind: x}", "name: s, action: bury, by: 1, where: {item_id: a}"],
         ["'r'", "'s'", "the same items"]),
        (["name: r, action: block, where: {item_id: [a, b, c, d]}"], ["'r'", "leaves no item at all"]),
        (["name: r, action: filter, where: {kind: x}", "name: s, action: filter, where: {kind: z}"],
         ["'r'", "'s'", "together leave no item"]),
        ([f"name: r, position: 1, {PIN_A}",
          f"name: s, position: 2, {PIN_B}", "name: t, action: cap, column: kind, at_most: 1"],
         ["'t'", "'r'", "'s'", "allows 1 of the kind 'y'"]),
    ],
)  # fmt: skip
def test_what_cannot_hold_is_refused_with_the_rules_named(rules: list[str], said: list[str]):
    with pytest.raises(RulesError) as caught:
        book(*rules)
    assert all(part in str(caught.value) for part in said), caught.value


def test_rules_that_never_meet_in_time_do_not_contradict_each_other():
    assert (
        len(book(f"name: r, position: 1, until: 5, {PIN_A}", f"name: s, position: 1, from: 5, {PIN_B}").rules)
        == 2
    )


def test_a_block_of_an_item_that_is_not_there_is_no_error(caplog):
    with caplog.at_level(logging.WARNING):
        assert not book("name: r, action: block, where: {item_id: gone}").bans().any()
    assert "no item has the item_id 'gone'" in caplog.text
