"""How checks are run and shown."""

import pytest

from serving.acceptance.check import Failed, Outcome, Skipped, Target, expect, expect_code, run, table
from serving.client.errors import error_for

TARGET = Target("", "", "m")


def passes(target):
    """All is well."""


def fails(target):
    """Not so."""
    expect("sum", 3, 4)


def is_skipped(target):
    """Cannot be asked."""
    raise Skipped("no server")


def breaks(target):
    """Something else."""
    raise OSError("gone")


def test_each_outcome_has_its_state_and_reason():
    outcomes = run([passes, fails, is_skipped, breaks], TARGET)
    assert [(o.name, o.state, o.detail) for o in outcomes] == [
        ("All is well", "passed", ""),
        ("Not so", "failed", "sum: expected 3, received 4"),
        ("Cannot be asked", "skipped", "no server"),
        ("Something else", "failed", "OSError: gone"),
    ]


def test_the_table_counts():
    text = table([Outcome("a", "passed", 1.0), Outcome("bb", "failed", 2.0, "why")])
    assert text.splitlines()[1].split() == ["failed", "bb", "2.0", "ms", "why"]
    assert text.splitlines()[-1] == "1 passed, 1 failed, 0 skipped"


def test_a_code_must_be_the_expected_one():
    def call(code):
        raise error_for(code, "")

    expect_code("NOT_FOUND", lambda: call("NOT_FOUND"))
    with pytest.raises(Failed, match="expected NOT_FOUND, received INTERNAL"):
        expect_code("NOT_FOUND", lambda: call("INTERNAL"))
    with pytest.raises(Failed, match="received an answer"):
        expect_code("NOT_FOUND", lambda: None)
