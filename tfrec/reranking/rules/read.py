"""rules.yaml → rules. The form alone is checked here; what the rules speak of is checked by `RuleBook`.

- name: no knives
  action: block
  where: {item_id: [B00A, B00B]}
- name: gifts first
  action: boost
  where: {category: gifts, price: {below: 50}}
  by: 0.3
  from: 2026-12-01
  until: 2026-12-25
- {name: mixed, action: cap, column: category, at_most: 3}
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from math import isfinite
from typing import Any

import yaml

from tfrec.reranking.rules.rule import NEEDS, Action, Condition, Range, Rule, RulesError


def read_rules(text: str) -> list[Rule]:
    """The rules of a file's text.

    Raises:
        RulesError: with the line, for broken YAML, an unknown or missing key, a value of the wrong form, a name twice.
    """
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return []
        if not isinstance(root, yaml.SequenceNode):
            raise RulesError("line 1: expected a list of rules, each with `- name: …`. Received: no list.")
        rules = [_rule(loader, node) for node in root.value]
    except yaml.YAMLError as error:
        raise RulesError(f"not readable as YAML: {error}") from error
    finally:
        loader.dispose()
    _check_names(rules)
    return rules


def _check_names(rules: list[Rule]) -> None:
    lines: dict[str, int] = {}
    for rule in rules:
        if rule.name in lines:
            raise RulesError(
                f"line {rule.line}: a rule at line {lines[rule.name]} is called {rule.name!r} too. Give each its name."
            )
        lines[rule.name] = rule.line


def _rule(loader: yaml.SafeLoader, node: yaml.Node) -> Rule:
    line = node.start_mark.line + 1
    if not isinstance(node, yaml.MappingNode):
        raise RulesError(f"line {line}: expected a rule, `- name: …`. Received: {node.value!r}")
    nodes = {key.value: value for key, value in node.value}
    values = {key: _value(loader, key, value) for key, value in nodes.items()}
    name = str(values.get("name") or "")
    if not name:
        raise RulesError(f"line {line}: expected a `name`. Received: the keys {', '.join(nodes)}.")
    where = f"line {line}, rule {name!r}"
    action = _action(values.get("action"), where)
    _check_keys(action, set(nodes), where)
    forms: dict[str, tuple[str, Callable[[Any], Any]]] = {
        "position": ("position", _whole), "by": ("by", _positive), "column": ("column", _word),
        "at_most": ("at_most", _whole), "from": ("start", _seconds), "until": ("end", _seconds),
    }  # fmt: skip
    known: dict[str, Any] = {}
    for key, (field, form) in forms.items():
        if key in values:
            known[field] = _formed(
                form, values[key], f"line {nodes[key].start_mark.line + 1}, rule {name!r}: {key}"
            )
    if "where" in nodes:
        known["where"] = _where(nodes["where"], name)
    if known.get("end", 1.0) <= known.get("start", 0.0) and {"start", "end"} <= known.keys():
        raise RulesError(f"{where}: `until` must be after `from`.")
    return Rule(name, line, action, **known)


def _value(loader: yaml.SafeLoader, key: str, node: yaml.Node) -> Any:
    if key in ("name", "action", "column") and isinstance(node, yaml.ScalarNode):
        return node.value  # as written: `no` is a name, not a truth value
    return None if key == "where" else loader.construct_object(node, deep=True)


def _action(value: Any, where: str) -> Action:
    try:
        return Action(value)
    except ValueError:
        raise RulesError(
            f"{where}: expected an `action` of {', '.join(Action)}. Received: {value!r}"
        ) from None


def _check_keys(action: Action, keys: set[str], where: str) -> None:
    needed = {"name", "action", *NEEDS[action]}
    missing, strange = sorted(needed - keys), sorted(keys - needed - {"from", "until"})
    if missing:
        raise RulesError(
            f"{where}: a {action} needs {', '.join(missing)}. Received: {', '.join(sorted(keys))}."
        )
    if strange:
        raise RulesError(
            f"{where}: a {action} knows no {', '.join(strange)}. It has: {', '.join(sorted(needed))}."
        )


def _where(node: yaml.Node, name: str) -> dict[str, Condition]:
    where = f"line {node.start_mark.line + 1}, rule {name!r}: where"
    if not isinstance(node, yaml.MappingNode) or not node.value:
        raise RulesError(
            f"{where}: expected columns with values, {{category: [a, b]}}. Received: {node.value!r}"
        )
    return {key.value: _condition(value, f"{where}: {key.value}") for key, value in node.value}


def _condition(node: yaml.Node, where: str) -> Condition:
    if isinstance(node, yaml.MappingNode):
        bounds = {key.value: value.value for key, value in node.value}
        if not bounds or not bounds.keys() <= {"above", "below"}:
            raise RulesError(f"{where}: a range has `above`, `below` or both. Received: {sorted(bounds)}")
        return Range(**{bound: _formed(float, value, f"{where}: {bound}") for bound, value in bounds.items()})
    nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
    if not nodes or not all(isinstance(one, yaml.ScalarNode) and one.value for one in nodes):
        raise RulesError(f"{where}: expected a value or a list of values. Received: {node.value!r}")
    return frozenset(one.value for one in nodes)


def _formed(form: Callable[[Any], Any], value: Any, where: str) -> Any:
    try:
        return form(value)
    except (TypeError, ValueError) as error:
        expected = form.__doc__ if form is not float else "a number"
        raise RulesError(f"{where}: expected {expected}. Received: {value!r}") from error


def _whole(value: Any) -> int:
    """a whole number from 1"""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError
    return value


def _positive(value: Any) -> float:
    """a number above 0"""
    if isinstance(value, bool) or not isfinite(value) or value <= 0:
        raise ValueError
    return float(value)


def _word(value: Any) -> str:
    """the name of a column"""
    if not isinstance(value, str) or not value:
        raise ValueError
    return value


def _seconds(value: Any) -> float:
    """a date, a time (UTC where it says no zone) or unix seconds"""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp()
    if isinstance(value, bool) or not isfinite(value):
        raise ValueError
    return float(value)
