"""The report of one evaluation: one HTML file that needs nothing else, light and dark, desk and phone.

    write_report(metrics, RUN/evaluation/report.html)

Sections in the order of a reader's questions: is it better than simple things, by how much, for whom, and
how was that measured. What the figures mean is decided in `findings.py`; `tables.py` and `charts.py` draw
them, `report_style.py` dresses them.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfrec.evaluation.charts import bar, difference_plot
from tfrec.evaluation.findings import MAIN_METRIC, best, headline, label, present, verdict_of, warnings
from tfrec.evaluation.markup import Html, element, join
from tfrec.evaluation.metrics_file import replace_text
from tfrec.evaluation.report_shaping import diversity_section, fairness_section, groups_section
from tfrec.evaluation.report_style import STYLE
from tfrec.evaluation.tables import facts_list, figures_row, group_row, number, table

MORE_IS_BETTER = ("ndcg@10", "recall@10", "ndcg@20", "recall@20", "mrr", "coverage@20")
METRIC_COLUMNS = (*MORE_IS_BETTER, "ild@20")
SLICE_COLUMNS = ("targets", "ndcg@10", "recall@10", "recall@20", "mrr")
SLICE_NAMES = {
    "cold_items": ("Cold items", "the target has no interaction in training"),
    "warm_items": ("Warm items", "the target has some"),
    "new_users": ("New users", "the user has no interaction in training"),
}
GLOSSARY = {
    "recall@k": "Share of targets among the first k places.",
    "ndcg@k": "The same, but place r (from 1) counts 1 / log2(r + 1).",
    "mrr": "Mean of 1 / place, over the whole ranking.",
    "coverage@20": "Share of the catalogue that appears in some top 20.",
    "ild@20": "Mean pairwise cosine distance of the language vectors in a top 20: higher is more varied.",
    "ece": "Expected calibration error: how far what was told is from what came true, in 15 bins.",
    "told, true": "Mean probability of a pair, and the share of pairs that came true.",
    "interval": "95 % percentile bootstrap over targets. Differences are paired, target by target.",
}


def write_report(metrics: Mapping[str, Any], path: Path) -> None:
    """Writes the document of metrics.json as one HTML file; what is missing or null is a dash or left out."""
    replace_text(path, render_report(metrics))


def render_report(metrics: Mapping[str, Any]) -> str:
    """The page as text."""
    name = (metrics.get("data") or {}).get("name")
    title = f"Evaluation of {name}" if name else "Evaluation"
    head = element(
        "head",
        Html('<meta charset="utf-8">'),
        Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        element("title", title),
        element("style", Html(STYLE)),
    )
    body = element("body", element("main", _header(metrics, title), _sections(metrics)))
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _header(metrics: Mapping[str, Any], title: str) -> Html:
    verdict, sentence, numbers = headline(metrics)
    concerns = [element("li", warning) for warning in warnings(metrics)]
    return element(
        "header",
        element("p", title, class_="eyebrow"),
        element("h1", sentence, class_=verdict),
        element("p", numbers, class_="numbers") if numbers else None,
        element("p", _subtitle(metrics.get("protocol") or {}), class_="subtitle"),
        element("aside", element("h2", "Read with care"), element("ul", concerns)) if concerns else None,
    )


def _subtitle(protocol: Mapping[str, Any]) -> str:
    wordings = {"on": "{} targets", "split": "split {}", "users": "{:,} users", "items": "{:,} items"}
    known = {key: protocol[key] for key in wordings if protocol.get(key) is not None}
    return " · ".join(wordings[key].format(value) for key, value in known.items())


def _sections(metrics: Mapping[str, Any]) -> Html:
    sections = [
        ("Quality at a glance", "ndcg@10 with its 95 % interval", _bars(metrics)),
        ("All figures", "the best of a column is bold", _figures(metrics)),
        (
            "Is the difference real?",
            "differences in ndcg@10 with their 95 % intervals",
            _differences(metrics),
        ),
        ("For whom?", "slices of the targets", _slices(metrics)),
        (
            "Do probabilities mean what they say?",
            "candidates of the ranking stage, each a pair with its target",
            facts_list(metrics.get("pointwise") or {}),
        ),
        ("What diversity costs", "the same candidates at every strength", diversity_section(metrics)),
        ("What fairness costs", "items outside the top fifth by popularity", fairness_section(metrics)),
        ("Who is shown, who is served", "top 20, before re-ranking and after it", groups_section(metrics)),
        ("How it was measured", None, facts_list(metrics.get("protocol") or {})),
        ("Data", None, _data(metrics.get("data") or {})),
        ("What the words mean", None, facts_list(GLOSSARY)),
    ]
    return join(_section(title, note, content) for title, note, content in sections if content)


def _section(title: str, note: str | None, content: Html) -> Html:
    return element("section", element("h2", title, element("small", note) if note else None), content)


def _models(metrics: Mapping[str, Any]) -> list[tuple[str, str, Mapping[str, Any]]]:
    """(kind, name, figures): stages in the funnel's order, then baselines, best first, unmeasured last."""
    baselines = sorted(
        ((name, figures or {}) for name, figures in (metrics.get("baselines") or {}).items()),
        key=lambda baseline: -(baseline[1].get(MAIN_METRIC) or -1),
    )
    stages = [("stages", name, figures) for name, figures in present(metrics, "stages").items()]
    return stages + [("baselines", name, figures) for name, figures in baselines]


def _bars(metrics: Mapping[str, Any]) -> Html | None:
    models = [model for model in _models(metrics) if model[2].get(MAIN_METRIC) is not None]
    intervals = metrics.get("intervals") or {}
    ends = {name: (intervals.get(name) or {}).get(MAIN_METRIC) for _, name, _ in models}
    longest = max((max(figures[MAIN_METRIC], *(ends[name] or [0])) for _, name, figures in models), default=0)
    bars = [
        bar(label(name), figures[MAIN_METRIC], ends[name], longest=longest, kind=kind)
        for kind, name, figures in models
    ]
    return element("div", bars, class_="bars") if bars else None


def _figures(metrics: Mapping[str, Any]) -> Html | None:
    models = _models(metrics)
    columns = [
        name for name in METRIC_COLUMNS if any(figures.get(name) is not None for *_, figures in models)
    ]
    ranked = [name for name in columns if name in MORE_IS_BETTER]
    highest = {name: max(figures.get(name) or 0 for *_, figures in models) for name in ranked}
    rows = [figures_row(name, kind, figures, columns, best=highest) for kind, name, figures in models]
    return table(["", *columns], rows) if columns else None


def _differences(metrics: Mapping[str, Any]) -> Html | None:
    rows = [row for row in metrics.get("comparisons") or [] if row["metric"] == MAIN_METRIC]
    reach = max((abs(row[end] or 0) for row in rows for end in ("difference", "low", "high")), default=0)
    groups = []
    for ours in dict.fromkeys(row["ours"] for row in rows):
        lines = [
            difference_plot(
                label(row["theirs"]), row, reach=reach, verdict=verdict_of(row, row["difference"])
            )
            for row in rows
            if row["ours"] == ours
        ]
        groups.append(element("div", element("h3", f"{label(ours)} against"), lines, class_="differences"))
    return join(groups) or None


def _slices(metrics: Mapping[str, Any]) -> Html | None:
    bodies = [_slice(metrics, name, content) for name, content in (metrics.get("slices") or {}).items()]
    return table(["", *SLICE_COLUMNS], bodies) if bodies else None


def _slice(metrics: Mapping[str, Any], name: str, content: Mapping[str, Any] | None) -> Html:
    """The rows of one slice: every stage, the best baseline, and TF-IDF, which can read cold items."""
    width = 1 + len(SLICE_COLUMNS)
    title, note = SLICE_NAMES.get(name, (name, None))
    heading = group_row(title, note, width=width)
    if not content:
        return join([heading, element("tr", element("td", "no target", colspan=width, class_="empty"))])
    stages = {stage: content[stage] for stage in metrics.get("stages") or {} if content.get(stage)}
    rivals = dict.fromkeys(filter(None, (best(metrics, "baselines"), "tfidf")))
    baselines = {
        rival: (present(metrics, "baselines").get(rival) or {}).get("slices", {}).get(name)
        for rival in rivals
    }
    rows = [figures_row(stage, "stages", figures, SLICE_COLUMNS) for stage, figures in stages.items()]
    rows += [figures_row(rival, "baselines", its, SLICE_COLUMNS) for rival, its in baselines.items() if its]
    return join([heading, *rows])


def _data(data: Mapping[str, Any]) -> Html | None:
    """Facts about the dataset, and `cleaning`: findings of `kind`, `count` and `outcome`."""
    findings = [
        element(
            "tr",
            element("th", finding.get("kind"), scope="row"),
            element("td", number(finding.get("count"))),
            element("td", finding.get("outcome"), class_="words"),
        )
        for finding in data.get("cleaning") or []
    ]
    cleaning = table(["found while cleaning", "rows", "what became of them"], findings) if findings else None
    return (
        join([facts_list({key: value for key, value in data.items() if key != "cleaning"}), cleaning]) or None
    )
