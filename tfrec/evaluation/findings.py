"""What the figures of metrics.json say in plain sentences: a headline, and what to be warned of.

Reads the document and nothing else; any part of it may be missing or null. The report shows these sentences,
the command line may print them.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

MAIN_METRIC = "ndcg@10"
LABELS = {
    "retrieval": "Retrieval",
    "ranking": "Ranking",
    "reranking": "Re-ranking",
    "popularity": "Popularity",
    "item_knn": "Item-kNN",
    "ease": "EASE",
    "ials": "iALS",
    "tfidf": "TF-IDF",
}

EQUAL_TIMES = 0.2
LOW_COVERAGE = 0.05
FEW_TARGETS = 300
MANY_COLD = 0.2


class Verdict(StrEnum):
    """How the best stage stands to the best baseline."""

    AHEAD = "ahead"
    LEVEL = "level"
    BEHIND = "behind"
    UNKNOWN = "unknown"


_SENTENCES = {
    Verdict.AHEAD: "{} beats {}, the best baseline, by {}.",
    Verdict.LEVEL: "{} cannot be told from {}, the best baseline: {} apart, within chance.",
    Verdict.BEHIND: "{} is behind {}, the best baseline, by {}.",
}


class Headline(NamedTuple):
    """The verdict, the sentence that states it, and the numbers behind it ("" if there are none)."""

    verdict: Verdict
    sentence: str
    numbers: str = ""


def headline(metrics: Mapping[str, Any]) -> Headline:
    """Which stage beats the best baseline by how much, with the interval if there is one."""
    stage, baseline = best(metrics, "stages"), best(metrics, "baselines")
    if stage is None:
        return Headline(Verdict.UNKNOWN, "No stage was measured: there was nothing to predict.")
    ours = figure(metrics, "stages", stage)
    if baseline is None:
        sentence = f"{label(stage)} reaches {MAIN_METRIC} {ours:.3f}; no baseline was measured beside it."
        return Headline(Verdict.UNKNOWN, sentence)
    theirs = figure(metrics, "baselines", baseline)
    comparison = comparison_of(metrics, stage, baseline)
    verdict = verdict_of(comparison, ours - theirs)
    sentence = _SENTENCES[verdict].format(
        label(stage), label(baseline), f"{abs(ours - theirs):.3f} {MAIN_METRIC}"
    )
    return Headline(
        verdict, sentence, f"{MAIN_METRIC} {ours:.3f} against {theirs:.3f}{_interval(comparison)}"
    )


def warnings(metrics: Mapping[str, Any]) -> list[str]:
    """What keeps the figures from meaning what they seem to mean, and what looks wrong."""
    return [*_about_data(metrics), *_about_stages(metrics), *_about_baselines(metrics)]


def best(metrics: Mapping[str, Any], section: str) -> str | None:
    """The stage or baseline with the highest ndcg@10; of equal ones the first."""
    names = [
        name for name, figures in present(metrics, section).items() if figures.get(MAIN_METRIC) is not None
    ]
    return max(names, key=lambda name: figure(metrics, section, name), default=None)


def figure(metrics: Mapping[str, Any], section: str, name: str) -> float:
    """ndcg@10 of a stage or baseline that has one."""
    return float(metrics[section][name][MAIN_METRIC])


def present(metrics: Mapping[str, Any], section: str) -> dict[str, Mapping[str, Any]]:
    """The entries of a section that are not null."""
    return {name: figures for name, figures in (metrics.get(section) or {}).items() if figures}


def label(name: str) -> str:
    """A stage or baseline as people write it."""
    return LABELS.get(name, name)


def comparison_of(metrics: Mapping[str, Any], ours: str, theirs: str) -> Mapping[str, Any] | None:
    """The paired difference in ndcg@10 of two models, if it was measured."""
    wanted = (ours, theirs, MAIN_METRIC)
    rows = metrics.get("comparisons") or []
    return next((row for row in rows if (row["ours"], row["theirs"], row["metric"]) == wanted), None)


def verdict_of(comparison: Mapping[str, Any] | None, difference: float) -> Verdict:
    """Level if the interval holds zero; without an interval the sign of the difference decides."""
    low, high = _ends(comparison)
    if low is None or high is None:
        low = high = difference
    if low > 0:
        return Verdict.AHEAD
    return Verdict.BEHIND if high < 0 else Verdict.LEVEL


def signed(difference: float) -> str:
    """A difference with its sign, three decimals: +0.012, −0.012, 0.000."""
    text = f"{abs(difference):.3f}"
    return text if float(text) == 0 else f"{'+' if difference > 0 else '−'}{text}"


def _interval(comparison: Mapping[str, Any] | None) -> str:
    low, high = _ends(comparison)
    if low is None or high is None:
        return ""
    return f", 95 % interval of the difference {signed(low)} to {signed(high)}"


def _ends(comparison: Mapping[str, Any] | None) -> tuple[float | None, float | None]:
    return (comparison.get("low"), comparison.get("high")) if comparison else (None, None)


def _about_data(metrics: Mapping[str, Any]) -> Iterator[str]:
    protocol = metrics.get("protocol") or {}
    equal_times = protocol.get("equal_time_share") or 0
    if equal_times >= EQUAL_TIMES:
        yield (
            f"{equal_times:.0%} of the interactions share their time with an earlier one of the same user. "
            "Leaving the last one out there predicts the last line of a basket, "
            "and “no future” means the order of the file."
        )
    targets = max((figures.get("targets") or 0 for figures in present(metrics, "stages").values()), default=0)
    if 0 < targets < FEW_TARGETS:
        yield f"Only {targets} targets: small differences are chance, read the intervals."
    cold = (present(metrics, "slices").get("cold_items") or {}).get("targets") or 0
    if targets and cold / targets >= MANY_COLD:
        yield (
            f"{cold / targets:.0%} of the targets are items without a training interaction: "
            "collaborative baselines cannot find them, see the slices."
        )
    if protocol.get("seen_masked") is False:
        yield "Earlier items are not masked: a model is also paid for what a user already knows."


def _about_stages(metrics: Mapping[str, Any]) -> Iterator[str]:
    stages = present(metrics, "stages")
    values = {name: its[MAIN_METRIC] for name, its in stages.items() if its.get(MAIN_METRIC) is not None}
    popularity = (present(metrics, "baselines").get("popularity") or {}).get(MAIN_METRIC, 0)
    below = [f"{label(name)} ({value:.3f})" for name, value in values.items() if value < popularity]
    if below:
        yield (
            f"Below popularity ({MAIN_METRIC} {popularity:.3f}): {', '.join(below)}. "
            "One list for everybody would do better."
        )
    n_items = (metrics.get("protocol") or {}).get("items")
    narrow = [
        f"{label(name)} ({its['coverage@20']:.1%})"
        for name, its in stages.items()
        if _is_narrow(its, n_items)
    ]
    if narrow:
        yield f"Coverage is low: the share of the catalogue in any top 20 is small for {', '.join(narrow)}."
    for later, earlier in zip(list(values)[1:], values, strict=False):
        loss = values[earlier] - values[later]
        if verdict_of(comparison_of(metrics, later, earlier), -loss) is Verdict.BEHIND:
            yield f"{label(later)} loses {loss:.3f} {MAIN_METRIC} against {label(earlier)}, the stage before."


def _is_narrow(figures: Mapping[str, Any], n_items: int | None) -> bool:
    """Whether little of what the lists have room for is shown: few lists cannot cover a large catalogue."""
    coverage, targets = figures.get("coverage@20"), figures.get("targets")
    if coverage is None:
        return False
    room = min(1.0, 20 * targets / n_items) if targets and n_items else 1.0
    return bool(coverage < LOW_COVERAGE * room)


def _about_baselines(metrics: Mapping[str, Any]) -> Iterator[str]:
    left_out = (metrics.get("protocol") or {}).get("left_out") or {}
    for name, reason in left_out.items():
        yield f"{label(name)} was left out: {reason}."
