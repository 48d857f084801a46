import pytest

from tfrec.evaluation.tables import facts_list, figures_row, number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (True, "yes"),
        (False, "no"),
        (12345, "12,345"),
        (0.12345, "0.123"),
        ("last-out", "last-out"),
    ],
)
def test_numbers_are_for_reading(value, text):
    assert number(value) == text


def test_facts_leave_out_what_is_unknown_but_not_what_is_zero():
    html = facts_list({"seed": 0, "seen_masked": False, "hidden": None, "left_out": {}, "name": ""})
    assert html == "<dl><dt>seed</dt><dd>0</dd><dt>seen masked</dt><dd>no</dd></dl>"
    assert facts_list({"name": None}) is None


def test_facts_of_facts_are_lines():
    assert facts_list({"left_out": {"ease": "big"}, "sizes": [1, 2]}) == (
        "<dl><dt>left out</dt><dd><div>EASE: big</div></dd><dt>sizes</dt><dd>1, 2</dd></dl>"
    )


def test_the_best_value_of_a_row_is_marked():
    row = figures_row("ease", "baselines", {"a": 0.5, "b": 0.5}, ("a", "b", "c"), best={"a": 0.5, "b": 0.7})
    assert row == (
        '<tr class="baselines"><th scope="row">EASE</th>'
        '<td class="best">0.500</td><td>0.500</td><td>–</td></tr>'
    )
