"""rules.yaml: every line that cannot be meant is named."""

from datetime import UTC, datetime
from math import inf

import pytest

from tfrec.reranking.rules.read import read_rules
from tfrec.reranking.rules.rule import Action, Range, Rule, RulesError

TEXT = """
- name: never
  action: block
  where: {item_id: [7, "no", b]}
- name: gifts
  action: boost
  where:
    category: gifts
    price: {above: 1, below: 50}
  by: 0.5
  from: 2026-12-01
  until: 2026-12-24T18:00:00+01:00
- {name: first, action: pin, where: {item_id: x}, position: 1}
- {name: mixed, action: cap, column: category, at_most: 3}
"""


def test_what_is_written_is_read():
    december = datetime(2026, 12, 1, tzinfo=UTC).timestamp()
    assert read_rules(TEXT) == [
        Rule("never", 2, Action.BLOCK, {"item_id": frozenset({"7", "no", "b"})}),
        Rule(
            "gifts", 5, Action.BOOST, {"category": frozenset({"gifts"}), "price": Range(1, 50)}, by=0.5,
            start=december, end=december + (23 * 24 + 17) * 3600,
        ),
        Rule("first", 13, Action.PIN, {"item_id": frozenset({"x"})}, position=1),
        Rule("mixed", 14, Action.CAP, column="category", at_most=3),
    ]  # fmt: skip


def test_an_empty_file_has_no_rules():
    assert read_rules("") == read_rules("# nothing yet\n") == []


def test_a_window_leaves_its_end_out():
    early, late = Rule("a", 1, Action.BLOCK, end=10.0), Rule("b", 2, Action.BLOCK, start=10.0)
    assert not early.meets(late)
    assert early.meets(Rule("c", 3, Action.BLOCK, start=9.0))
    assert early.is_timed
    assert Rule("d", 4, Action.BLOCK).meets(late)
    assert Rule("d", 4, Action.BLOCK).end == inf


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- [", "not readable as YAML"),
        ("rules: 3", "line 1: expected a list of rules"),
        ("- 3", "line 1: expected a rule"),
        ("\n- action: block", "line 2: expected a `name`. Received: the keys action"),
        ("- {name: a, action: hide}", "line 1, rule 'a': expected an `action` of filter, block"),
        ("- {name: a, action: block}", "line 1, rule 'a': a block needs where"),
        ("- {name: a, action: cap, column: c, at_most: 1, by: 2}", "line 1, rule 'a': a cap knows no by"),
        ("- name: a\n  action: cap\n  column: c\n  at_most: 0", "line 4, rule 'a': at_most: expected a whole number"),
        ("- {name: a, action: boost, where: {c: d}, by: -1}", "by: expected a number above 0. Received: -1"),
        ("- {name: a, action: block, where: {c: []}}", "where: c: expected a value or a list"),
        ("- {name: a, action: block, where: {c: {over: 3}}}", "`above`, `below` or both"),
        ("- {name: a, action: block, where: {c: {over: 3}, from: 1}}", "`above`, `below` or both"),
        ("- {name: a, action: block, where: {c: {above: x}}}", "c: above: expected a number. Received: 'x'"),
        ("- {name: a, action: block, where: {c: d}, from: soon}", "from: expected a date, a time"),
        ("- {name: a, action: block, where: {c: d}, from: 5, until: 5}", "`until` must be after `from`"),
        ("- {name: a, action: block, where: {c: d}}\n- {name: a, action: block, where: {c: e}}",
         "line 2: a rule at line 1"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_with_its_line(text: str, said: str):
    with pytest.raises(RulesError) as caught:
        read_rules(text)
    assert said in str(caught.value)
