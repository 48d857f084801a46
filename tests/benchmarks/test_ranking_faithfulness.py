"""The benchmark of explanations, on the tiny world, where the last events say what comes next."""

import pytest

from benchmarks.ranking_faithfulness import measure
from tfrec.run import Run


def test_what_is_cited_most_costs_more(world_run: Run) -> None:
    found = measure(world_run, users=12, seed=0)
    cited, other = (found[f"without {which}"]["mean"] for which in ("the most cited", "another"))
    assert found["users"] == 12
    assert found["more"]["mean"] == pytest.approx(cited - other)
    assert cited > other
    assert found["events_error"] < 1e-5
