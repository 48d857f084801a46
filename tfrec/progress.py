"""What a person sees of long work and of results: progress on the terminal, tables of figures."""

import logging
from collections.abc import Mapping
from io import StringIO
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.logging import RichHandler
from rich.table import Table

if TYPE_CHECKING:
    from tfrec.evaluation.compare import RunComparison
    from tfrec.explain import Explanation

COLUMNS = ("recall@10", "ndcg@10", "recall@20", "ndcg@20", "mrr", "coverage@20", "ild@20")


def show_progress() -> None:
    """Lets tfrec's own log lines reach the terminal, with the time of day."""
    handler = RichHandler(
        console=Console(stderr=True), show_path=False, show_level=False, omit_repeated_times=False
    )
    log = logging.getLogger("tfrec")
    log.handlers, log.propagate = [handler], False
    log.setLevel(logging.INFO)


def metrics_table(metrics: Mapping[str, Any]) -> str:
    """Stages and baselines of metrics.json, one line each."""
    table = Table("", *COLUMNS, title=f"on {metrics['protocol']['on']}", title_justify="left")
    for section in ("stages", "baselines"):
        for name, figures in metrics[section].items():
            table.add_row(name, *(_figure((figures or {}).get(column)) for column in COLUMNS))
        table.add_section()
    return _rendered(table)


def comparison_table(comparison: "RunComparison") -> str:
    """Differences of two runs, with their intervals, and what makes them hard to compare."""
    from tfrec.evaluation.compare import as_rows

    table = Table("stage", "metric", "difference", "low", "high")
    for stage, differences in comparison.differences.items():
        for row in as_rows(differences):
            table.add_row(
                stage, row["metric"], *(_figure(row[name]) for name in ("difference", "low", "high"))
            )
    return "\n".join([_rendered(table), *comparison.notes])


def explanation_table(explanation: "Explanation") -> str:
    """What adds to a score, by group of inputs and by event, each with what it is added to."""
    table = Table("", "adds", title=f"{explanation.title}: {explanation.score:.3f}", title_justify="left")
    table.add_row("an average candidate", _signed(explanation.base))
    for group, share in explanation.groups.items():
        table.add_row(group, _signed(share))
    table.add_row("missed by the integral", _signed(explanation.groups_error))
    table.add_section()
    table.add_row("without any event", _signed(explanation.events_base))
    for event in explanation.events:
        table.add_row(event.title, _signed(event.share))
    return _rendered(table)


def _signed(value: float) -> str:
    return f"{value:+.3f}"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _rendered(table: Table) -> str:
    text = StringIO()
    Console(file=text, width=110).print(table)
    return text.getvalue().rstrip()
