"""Numbers, tables and fact lists of the report."""

from collections.abc import Iterable, Mapping
from typing import Any

from tfrec.evaluation.findings import label
from tfrec.evaluation.markup import Html, element, join


def number(value: object) -> str:
    """A value for reading: a dash for None, yes and no, thousands set apart, three decimals."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def table(heads: Iterable[str], rows: Iterable[Html]) -> Html:
    """A table that scrolls sideways by itself where the screen is narrow."""
    head = element("thead", element("tr", [element("th", head, scope="col") for head in heads]))
    return element("div", element("table", head, element("tbody", rows)), class_="scroll", tabindex=0)


def figures_row(
    name: str,
    kind: str,
    figures: Mapping[str, Any],
    columns: Iterable[str],
    *,
    best: Mapping[str, float] | None = None,
) -> Html:
    """One model's figures; a value equal to the column's `best` is set in bold.

    Args:
        name: of the model.
        kind: CSS class, "stages" or "baselines".
        figures: values by column; what is missing or None is a dash.
        columns: which of them to show.
        best: the best value of the columns that have one.
    """
    cells = [
        element(
            "td",
            number(figures.get(column)),
            class_="best"
            if best and figures.get(column) is not None and figures[column] == best.get(column)
            else None,
        )
        for column in columns
    ]
    return element("tr", element("th", label(name), scope="row"), cells, class_=kind)


def group_row(title: str, note: str | None, *, width: int) -> Html:
    """A heading inside a table, over all its `width` columns."""
    heading = element("th", title, element("small", note) if note else None, colspan=width, scope="rowgroup")
    return element("tr", heading, class_="group")


def facts_list(facts: Mapping[str, Any]) -> Html | None:
    """A definition list of what is known; None, empty text and empty collections are left out."""
    known = {
        name: value for name, value in facts.items() if value is not None and value not in ("", {}, [], ())
    }
    terms = [
        (element("dt", name.replace("_", " ")), element("dd", _fact(value))) for name, value in known.items()
    ]
    return element("dl", terms) if terms else None


def _fact(value: object) -> Html | str:
    if isinstance(value, Mapping):
        return join(element("div", f"{label(str(name))}: {number(part)}") for name, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(number, value))
    return number(value)
