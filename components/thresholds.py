"""When a model is good enough: thresholds on metrics.json, and the check of one against the other."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from components.component import Parameters

Stage = Literal["retrieval", "ranking", "reranking"]
Metric = Literal["recall@10", "ndcg@10", "recall@20", "ndcg@20", "mrr", "coverage@20", "ild@20"]
Baseline = Literal["popularity", "item_knn", "ease", "ials", "tfidf"]


class Threshold(Parameters):
    """One condition on one figure of one stage.

    Args:
        stage: of the funnel.
        metric: a key of metrics.json.
        above: a baseline whose figure must be exceeded.
        at_least: a value that must be reached.
    """

    stage: Stage
    metric: Metric
    above: Baseline | None = None
    at_least: float | None = Field(default=None, ge=0, le=2)

    @model_validator(mode="after")
    def _has_one_bound(self) -> Self:
        if (self.above is None) == (self.at_least is None):
            raise ValueError("give either `above` (a baseline) or `at_least` (a number)")
        return self


def bless(thresholds: Sequence[Threshold], metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The content of blessing.json.

    Returns:
        `blessed`, `on` (which targets were measured), `baselines` (those compared with) and `checks`: each
        threshold with the measured `value`, the `bound`, whether it `passed`, and as a `sentence`.
    """
    checks = [check(threshold, metrics) for threshold in thresholds]
    return {
        "blessed": bool(checks) and all(passed["passed"] for passed in checks),
        "on": metrics["protocol"].get("on"),
        "baselines": sorted({threshold.above for threshold in thresholds if threshold.above}),
        "checks": checks,
    }


def check(threshold: Threshold, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """One threshold against metrics.json; what was not measured is not passed."""
    value = _figure(metrics["stages"], threshold.stage, threshold.metric)
    bound = threshold.at_least
    if threshold.above:
        bound = _figure(metrics["baselines"], threshold.above, threshold.metric)
    passed = False
    if value is not None and bound is not None:
        passed = value > bound if threshold.above else value >= bound
    return {
        **threshold.model_dump(exclude_none=True),
        "value": value,
        "bound": bound,
        "passed": passed,
        "sentence": _sentence(threshold, value, bound),
    }


def _figure(section: Mapping[str, Any], name: str, metric: str) -> float | None:
    return (section.get(name) or {}).get(metric)


def _sentence(threshold: Threshold, value: float | None, bound: float | None) -> str:
    asked = f"above {threshold.above}" if threshold.above else "at least"
    return f"{threshold.stage} {threshold.metric} {_shown(value)}, asked: {asked} {_shown(bound)}"


def _shown(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.4f}"
