"""The report's third picture: lines over one axis, drawn as SVG within the page.

The drawing scales with the page; every value stands in a table beside it, so screen readers are spared the picture.
"""

from collections.abc import Iterator, Mapping, Sequence

from tfrec.evaluation.markup import Html, element

WIDTH, HEIGHT = 640, 240
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 22, 30  # what labels take
LINES = 4  # gaps between the lines of the grid


def line_plot(
    places: Sequence[float],
    series: Mapping[str, Sequence[float]],
    *,
    marks: Mapping[str, float] | None = None,
    axis: str,
) -> Html:
    """Lines of percentages over `places`, with a legend above.

    Args:
        places: rising, at least two.
        series: name → one value for each place, in per cent.
        marks: name → a place at which a line stands upright.
        axis: what the places are.
    """
    values = [value for line in series.values() for value in line]
    low, high = min(0.0, *values), max(1e-9, *values)
    across, up = places[-1] - places[0], high - low

    def x(place: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (place - places[0]) / across

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / up

    def grid() -> Iterator[Html]:
        for value in (low + up * step / LINES for step in range(LINES + 1)):
            yield _line(LEFT, y(value), WIDTH - RIGHT, y(value), "grid")
            yield _words(LEFT - 8, y(value) + 4, f"{value:.0f} %", "end")
        for place in (places[0], places[-1]):
            yield _words(x(place), HEIGHT - 10, f"{place:g}", "middle")
        yield _words((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, axis, "middle")

    def upright() -> Iterator[Html]:
        placed = sorted((place, name) for name, place in (marks or {}).items())
        for place, name in placed:  # names look away from each other, and stay within
            is_right = place == placed[-1][0] and place < places[-1]
            yield _line(x(place), TOP, x(place), HEIGHT - BOTTOM, "mark")
            yield _words(
                x(place), TOP - 8, f"{name} {place:g}", "start" if is_right or place == places[0] else "end"
            )

    lines = [
        element(
            "polyline",
            points=" ".join(
                f"{x(place):.1f},{y(value):.1f}" for place, value in zip(places, line, strict=True)
            ),
            class_=f"series-{number}",
        )
        for number, line in enumerate(series.values())
    ]
    legend = [element("span", name, class_=f"series-{number}") for number, name in enumerate(series)]
    drawing = element(
        "svg", grid(), upright(), lines, viewBox=f"0 0 {WIDTH} {HEIGHT}", class_="plot", aria_hidden="true"
    )
    return element("figure", element("figcaption", legend), drawing)


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Html:
    return element("line", x1=f"{x1:.1f}", y1=f"{y1:.1f}", x2=f"{x2:.1f}", y2=f"{y2:.1f}", class_=kind)


def _words(x: float, y: float, words: str, anchor: str) -> Html:
    return element("text", words, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor)
