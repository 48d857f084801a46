"""The sections of the report about re-ranking: what its strengths buy and cost, and whom the funnel serves how well."""

from collections.abc import Mapping, Sequence
from typing import Any

from tfrec.evaluation.line_plot import line_plot
from tfrec.evaluation.markup import Html, element, join
from tfrec.evaluation.tables import group_row, number, table

STAGES = ("ranking", "reranking")
HEADS = {"items": "Items by {}", "users": "Users by {}"}


def diversity_section(metrics: Mapping[str, Any]) -> Html | None:
    """Distance and quality by strength of diversity, each beside its value at strength 0."""
    curve = (metrics.get("curves") or {}).get("diversity")
    if not curve:
        return None
    points, columns = curve["points"], ("ild@20", "ndcg@10")
    changes = {name: _changes([point[name] for point in points]) for name in columns}
    marks = {name: curve[name] for name in ("default", "advised") if curve.get(name) is not None}
    if marks.get("advised") == marks.get("default"):
        marks = {"default and advised": curve["default"]}
    plot = line_plot(
        [point["strength"] for point in points],
        {f"{name} against strength 0": values for name, values in changes.items()},
        marks=marks,
        axis="strength of diversity",
    )
    rows = [
        _row(
            f"{point['strength']:g}",
            *(
                text
                for name in columns
                for text in (number(point[name]), f"{_signed(changes[name][place])} %")
            ),
        )
        for place, point in enumerate(points)
    ]
    return join([plot, _sentence(curve), table(["strength", "ild@20", "", "ndcg@10", ""], rows)])


def fairness_section(metrics: Mapping[str, Any]) -> Html | None:
    """The share that the long tail gets and what it costs, by the share that is asked for it."""
    curve = (metrics.get("curves") or {}).get("fairness")
    if not curve:
        return None
    points = curve["points"]
    costs = [-change for change in _changes([point["ndcg@10"] for point in points])]
    reached = [100 * (point["reached"] or 0.0) for point in points]
    plot = line_plot(
        [100 * point["asked"] for point in points],
        {"share of the places reached": reached, "ndcg@10 lost": costs},
        axis="least share of the long tail asked for, %",
    )
    rows = [
        _row(f"{point['asked']:.0%}", f"{share:.1f} %", number(point["ndcg@10"]), f"{_signed(-cost)} %")
        for point, share, cost in zip(points, reached, costs, strict=True)
    ]
    return join([plot, _advice(curve.get("ask") or []), table(["asked", "reached", "ndcg@10", ""], rows)])


def groups_section(metrics: Mapping[str, Any]) -> Html | None:
    """Exposure and quality of every group, before and after re-ranking."""
    rows = [
        line
        for kind, columns in (metrics.get("groups") or {}).items()
        for column, measured in columns.items()
        for line in _column(HEADS.get(kind, "{}").format(column), measured)
    ]
    heads = ["", "share", "targets", "shown before", "after", "ndcg@10 before", "after"]
    return table(heads, rows) if rows else None


def _column(title: str, measured: Mapping[str, Any]) -> list[Html]:
    gap = measured.get("gap")
    note = f"largest gap in ndcg@10: {gap[STAGES[0]]:.3f} before, {gap[STAGES[1]]:.3f} after" if gap else None
    return [group_row(title, note, width=7), *(_group(name, its) for name, its in measured["groups"].items())]


def _group(name: str, figures: Mapping[str, Any]) -> Html:
    exposure = figures.get("exposure") or {}
    shown = [_percent(exposure.get(stage)) for stage in STAGES]
    found = [number(figures["ndcg@10"].get(stage)) for stage in STAGES]
    return _row(name, _percent(figures["share"]), number(figures["targets"]), *shown, *found)


def _sentence(curve: Mapping[str, Any]) -> Html:
    advised, default = curve.get("advised"), curve["default"]
    wanted = "15 % more distance for at most 2 % of ndcg@10"
    said = (
        f"The smallest strength that gives {wanted} is {advised:g}"
        if advised is not None
        else f"No strength gives {wanted}"
    )
    return element("p", f"{said}; where a request asks for none it gets {default:g}.")


def _advice(ask: Sequence[Mapping[str, float]]) -> Html | None:
    if not ask:
        return None
    said = ", ".join(f"{one['ask']:.1%} for {one['for']:.0%}" for one in ask)
    return element("p", f"To give the long tail a share of all places, ask for a least share of {said}.")


def _row(name: str, *cells: str) -> Html:
    return element("tr", element("th", name, scope="row"), [element("td", cell) for cell in cells])


def _changes(values: Sequence[float]) -> list[float]:
    """In per cent of the first."""
    return [100 * (value / values[0] - 1) if values[0] else 0.0 for value in values]


def _signed(percent: float) -> str:
    text = f"{abs(percent):.1f}"
    return text if float(text) == 0 else f"{'+' if percent > 0 else '−'}{text}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"
