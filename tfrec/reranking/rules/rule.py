"""One rule: what it does, to which items, and when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf
from typing import NamedTuple


class RulesError(ValueError):
    """Rules that cannot be meant as written; the message names lines and rules, and what to do."""


class Action(StrEnum):
    """What a rule does."""

    FILTER = "filter"  # only items that match
    BLOCK = "block"  # never an item that matches
    PIN = "pin"  # one item at a position of the slate, from 1
    BOOST = "boost"  # `by` is added to the score, whose range over the candidates is 0 to 1
    BURY = "bury"  # `by` is taken from it
    CAP = "cap"  # at most so many items of one value of a column
    IN_A_ROW = "in_a_row"  # at most so many of one value one after another, while there are others


WHERE = {Action.FILTER, Action.BLOCK, Action.PIN, Action.BOOST, Action.BURY}
LIMITS = {Action.CAP, Action.IN_A_ROW}
NEEDS = {
    **{action: frozenset({"where"}) for action in WHERE},
    Action.PIN: frozenset({"where", "position"}),
    Action.BOOST: frozenset({"where", "by"}),
    Action.BURY: frozenset({"where", "by"}),
    **{action: frozenset({"column", "at_most"}) for action in LIMITS},
}


class Range(NamedTuple):
    """Numbers above one bound and below another, bounds left out."""

    above: float = -inf
    below: float = inf


Condition = frozenset[str] | Range


@dataclass(frozen=True)
class Rule:
    """A rule as it was read.

    Args:
        name: of the rule, by which reasons and errors speak of it.
        line: where it begins in the file, from 1.
        action: what it does.
        where: column → values of which an item has one, or a range; an item meets all columns.
        position: of a pin, from 1.
        by: of a boost or bury.
        column, at_most: of a cap or of what may come in a row.
        start, end: when it holds, unix seconds; the end is left out.
    """

    name: str
    line: int
    action: Action
    where: Mapping[str, Condition] = field(default_factory=dict)
    position: int = 0
    by: float = 0.0
    column: str = ""
    at_most: int = 0
    start: float = -inf
    end: float = inf

    def __str__(self) -> str:
        return f"rule {self.name!r} (line {self.line})"

    @property
    def is_timed(self) -> bool:
        """Whether there are times when it does not hold."""
        return (self.start, self.end) != (-inf, inf)

    def meets(self, other: "Rule") -> bool:
        """Whether there is a time when both hold."""
        return max(self.start, other.start) < min(self.end, other.end)
