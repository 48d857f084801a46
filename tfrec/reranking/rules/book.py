"""Rules over a catalogue: which items each means, and whether all can hold at once."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import combinations

import numpy as np
import pandas as pd

from tfrec.data.item_text import MULTI_VALUE
from tfrec.reranking.rules.rule import LIMITS, Action, Condition, Range, Rule, RulesError
from tfrec.schema import Role

log = logging.getLogger(__name__)
WORDS = {Role.CATEGORY, Role.CATEGORICAL}


@dataclass(frozen=True, eq=False)
class RuleBook:
    """Rules that can hold at once.

    Args:
        rules: in file order.
        matches: bool `[rules, items + 1]` by row, which items `where` means; row 0, no item, is meant by none.
    """

    rules: tuple[Rule, ...]
    matches: np.ndarray

    def bans(self) -> np.ndarray:
        """Which rows each rule keeps from being served, bool `[rules, items + 1]`."""
        actions = [rule.action for rule in self.rules]
        is_block, is_filter = (
            np.array([a == kind for a in actions])[:, None] for kind in (Action.BLOCK, Action.FILTER)
        )
        items = np.arange(self.matches.shape[1]) > 0
        return (is_block & self.matches) | (is_filter & ~self.matches & items)

    def of(self, *actions: Action) -> Iterator[tuple[int, Rule]]:
        """The rules with one of these actions, with their places in the book."""
        return ((place, rule) for place, rule in enumerate(self.rules) if rule.action in actions)

    def pinned(self, place: int) -> int:
        """The row that a pin means."""
        return int(self.matches[place].argmax())


NO_RULES = RuleBook((), np.zeros((0, 1), bool))


def make_book(rules: Sequence[Rule], items: pd.DataFrame, roles: Mapping[str, Role], *, k: int) -> RuleBook:
    """The rules over a catalogue.

    Args:
        rules: as they were read.
        items: the catalogue by position, `item_id` and the columns that have a role.
        roles: of the columns.
        k: the longest slate.

    Raises:
        RulesError: a column or value that the catalogue does not have, or rules that contradict each other.
    """
    if not rules:
        return NO_RULES
    matches = np.stack([np.append(False, _match(rule, items, roles)) for rule in rules])
    book = RuleBook(tuple(rules), matches)
    for conflict in (_pins, _pins_that_may_not_come, _boost_and_bury, _nothing_left):
        conflict(book)
    for _, pin in book.of(Action.PIN):
        if pin.position > k:
            raise RulesError(
                f"{pin}: the longest slate has {k} places (export.k). Received: position {pin.position}."
            )
    for column in {rule.column for rule in rules if rule.action in LIMITS}:
        _caps_below_pins(book, column, items[column])
    return book


def _match(rule: Rule, items: pd.DataFrame, roles: Mapping[str, Role]) -> np.ndarray:
    if rule.action in LIMITS:
        _check_column(rule, rule.column, {name for name, role in roles.items() if role in WORDS})
    met = np.full(len(items), bool(rule.where))
    for column, condition in rule.where.items():
        kinds = WORDS if isinstance(condition, frozenset) else {Role.NUMBER}
        known = {name for name, role in roles.items() if role in kinds}
        _check_column(rule, column, known | {"item_id"} if isinstance(condition, frozenset) else known)
        met &= _meets(rule, items[column], condition)
    if rule.action == Action.PIN and met.sum() != 1:
        raise RulesError(
            f"{rule}: a pin must mean one item: where: {{item_id: …}}. Received: {met.sum()} items."
        )
    return met


def _meets(rule: Rule, values: pd.Series, condition: Condition) -> np.ndarray:
    if isinstance(condition, Range):
        numbers = values.to_numpy(np.float64)
        return (numbers > condition.above) & (numbers < condition.below)  # NaN is neither
    own = [{value} for value in values] if values.name == "item_id" else [_values(value) for value in values]
    _check_values(rule, str(values.name), condition, set().union(*own))
    return np.array([bool(condition & value) for value in own], bool)


def _values(value: str) -> set[str]:
    return {part.strip() for part in value.split(MULTI_VALUE)}


def _check_column(rule: Rule, column: str, known: set[str]) -> None:
    if column not in known:
        raise RulesError(
            f"{rule}: unknown column {column!r}. Here it may be one of: {', '.join(sorted(known)) or 'none'}."
        )


def _check_values(rule: Rule, column: str, wanted: frozenset[str], known: set[str]) -> None:
    for value in sorted(wanted - known):
        near = get_close_matches(value, known, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        message = f"{rule}: no item has the {column} {value!r}.{hint}"
        if column != "item_id" or rule.action == Action.PIN:
            raise RulesError(message)
        log.warning(
            "%s The rule will hold once there is one.", message
        )  # a list of harmful items outlives the items


def _pins(book: RuleBook) -> None:
    for (i, one), (j, other) in combinations(book.of(Action.PIN), 2):
        if not one.meets(other):
            continue
        if one.position == other.position:
            raise RulesError(f"{one} and {other} pin two items to position {one.position}. Move one of them.")
        if book.pinned(i) == book.pinned(j):
            raise RulesError(f"{one} and {other} pin one item to two positions. Drop one of them.")


def _pins_that_may_not_come(book: RuleBook) -> None:
    bans = book.bans()
    for i, pin in book.of(Action.PIN):
        for j, other in book.of(Action.BLOCK, Action.FILTER):
            if bans[j, book.pinned(i)] and pin.meets(other):
                raise RulesError(f"{pin} pins an item that {other} keeps away. Drop one of them.")


def _boost_and_bury(book: RuleBook) -> None:
    for i, boost in book.of(Action.BOOST):
        for j, bury in book.of(Action.BURY):
            if boost.meets(bury) and (book.matches[i] == book.matches[j]).all():
                raise RulesError(f"{boost} and {bury} mean the same items. Keep one of them.")


def _nothing_left(book: RuleBook) -> None:
    bans, items = book.bans()[:, 1:], book.matches.shape[1] - 1
    keepers = list(book.of(Action.BLOCK, Action.FILTER))
    for i, rule in keepers:
        if items and bans[i].all():
            raise RulesError(f"{rule} leaves no item at all.")
    for (i, one), (j, other) in combinations(keepers, 2):
        if one.meets(other) and items and (bans[i] | bans[j]).all():
            raise RulesError(f"{one} and {other} together leave no item at all.")


def _caps_below_pins(book: RuleBook, column: str, values: pd.Series) -> None:
    for _, cap in book.of(Action.CAP):
        if cap.column != column:
            continue
        pins = [(rule, book.pinned(i) - 1) for i, rule in book.of(Action.PIN) if rule.meets(cap)]
        counts = Counter(value for _, item in pins for value in _values(values.iloc[item]) if value)
        for value, count in counts.items():
            if count > cap.at_most:
                names = " and ".join(str(rule) for rule, item in pins if value in _values(values.iloc[item]))
                raise RulesError(
                    f"{cap} allows {cap.at_most} of the {column} {value!r}, and {names} pin {count}."
                )
