"""The sections about re-ranking say what the document says."""

import re

import pytest

from tfrec.evaluation.report import render_report
from tfrec.evaluation.report_shaping import diversity_section, fairness_section, groups_section

POINTS = [
    {"strength": 0.0, "ild@20": 0.5, "ndcg@10": 0.2},
    {"strength": 0.3, "ild@20": 0.6, "ndcg@10": 0.19},
    {"strength": 1.0, "ild@20": 0.75, "ndcg@10": 0.1},
]
FAIR = [
    {"asked": 0.0, "reached": 0.1, "ndcg@10": 0.2},
    {"asked": 0.5, "reached": 0.505, "ndcg@10": 0.15},
]
EVEN = {
    "share": 0.25,
    "targets": 1234,
    "exposure": {"ranking": 0.5, "reranking": 0.375},
    "ndcg@10": {"ranking": 0.111, "reranking": None},
}
METRICS = {
    "curves": {
        "diversity": {"points": POINTS, "default": 0.3, "advised": None},
        "fairness": {"points": FAIR},
    },
    "groups": {
        "items": {"kind": {"groups": {"even": EVEN}, "gap": {"ranking": 0.25, "reranking": 0.125}}},
        "users": {},
    },
}


def cells(html: str, head: str) -> list[str]:
    row = re.search(rf"<tr><th[^>]*>{re.escape(head)}</th>(.*?)</tr>", html)[1]
    return re.findall(r"<td>(.*?)</td>", row)


def test_diversity_tells_values_and_changes():
    html = diversity_section(METRICS)
    assert cells(html, "0.3") == ["0.600", "+20.0 %", "0.190", "−5.0 %"]
    assert "default 0.3" in html
    assert "No strength gives" in html


def test_the_advised_strength_is_said_and_marked():
    curve = {**METRICS["curves"]["diversity"], "advised": 1.0}
    html = diversity_section({"curves": {"diversity": curve}})
    assert "is 1;" in html
    assert "advised 1" in html
    same = diversity_section({"curves": {"diversity": {**curve, "advised": 0.3}}})
    assert "default and advised 0.3" in same


def test_fairness_tells_what_is_asked_reached_and_paid():
    assert cells(fairness_section(METRICS), "50%") == ["50.5 %", "0.150", "−25.0 %"]


def test_what_to_ask_for_is_said():
    told = {"points": FAIR, "ask": [{"for": 0.2, "ask": 0.1333}]}
    assert "13.3% for 20%" in fairness_section({"curves": {"fairness": told}})


def test_groups_before_and_after():
    html = groups_section(METRICS)
    assert cells(html, "even") == ["25.0%", "1,234", "50.0%", "37.5%", "0.111", "–"]
    assert "Items by kind" in html
    assert "0.250 before, 0.125 after" in html


@pytest.mark.parametrize(
    "metrics",
    [{}, {"curves": None, "groups": None}, {"curves": {"diversity": None}, "groups": {"items": {}}}],
)
def test_what_was_not_measured_is_left_out(metrics):
    assert diversity_section(metrics) is fairness_section(metrics) is groups_section(metrics) is None


def test_the_report_shows_them():
    page = render_report(METRICS)
    for title in ("What diversity costs", "What fairness costs", "Who is shown, who is served"):
        assert title in page
    assert page.count("<svg") == 2
