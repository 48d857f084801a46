"""The two pictures of the report, in HTML and CSS: a bar with its interval, a difference beside zero.

Positions are percentages of the track, so a picture fits a phone as well as a desk, and every value stands
beside it as text.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tfrec.evaluation.findings import signed
from tfrec.evaluation.markup import Html, element


def bar(name: str, value: float, interval: Sequence[float] | None, *, longest: float, kind: str) -> Html:
    """One line of a bar chart: name, bar with whisker, value.

    Args:
        name: what the bar stands for.
        value: its length, at least 0.
        interval: ends of the whisker, if known.
        longest: the value that fills the track.
        kind: CSS class, "stages" or "baselines".
    """
    whisker = element("i", class_="whisker", style=_span(*interval, end=longest)) if interval else None
    return element(
        "div",
        element("span", name, class_="name"),
        element(
            "span",
            element("b", style=_span(0, value, end=longest)),
            whisker,
            class_="track",
            aria_hidden="true",
        ),
        element("span", f"{value:.3f}", class_="value"),
        class_=f"line {kind}",
    )


def difference_plot(name: str, row: Mapping[str, Any], *, reach: float, verdict: str) -> Html:
    """One line of a forest plot: name, a dot with its interval about a zero line, the numbers.

    Args:
        name: of the comparison.
        row: `difference`, and `low` and `high` or None.
        reach: the distance from zero to either end of the track.
        verdict: CSS class for the colour.
    """
    reach = reach or 1.0  # no difference anywhere: all dots on the zero line
    difference, low, high = row["difference"], row.get("low"), row.get("high")
    whisker = interval = None
    if low is not None and high is not None:
        whisker = element("i", class_="whisker", style=_span(low + reach, high + reach, end=2 * reach))
        interval = f"{signed(low)} to {signed(high)}"
    dot = element("b", style=f"left:{_percent(difference + reach, 2 * reach)}")
    return element(
        "div",
        element("span", name, class_="name"),
        element("span", element("i", class_="zero"), whisker, dot, class_="track", aria_hidden="true"),
        element("span", signed(difference), class_="value"),
        element("small", interval, class_="interval"),
        class_=f"line {verdict}",
    )


def _span(start: float, stop: float, *, end: float) -> str:
    return f"left:{_percent(start, end)};width:{_percent(stop - start, end)}"


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole if whole > 0 else 0:.2f}%"
