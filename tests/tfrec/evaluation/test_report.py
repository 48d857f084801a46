import re
from html.parser import HTMLParser

import pytest

from tfrec.evaluation.metrics import PER_QUERY
from tfrec.evaluation.report import render_report, write_report

VOID = {"meta", "br"}


class Page(HTMLParser):
    """The words of a page; fails where tags do not match."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.words, self.open, self.tags = [], [], []
        self.feed(page)
        self.close()
        assert self.open == [], "every tag is closed"

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self):
        return " ".join(self.words)


def figures(value):
    return {
        "users": 1200,
        "targets": 1200,
        **dict.fromkeys(PER_QUERY, value),
        "coverage@20": 0.5,
        "ild@20": None,
    }


@pytest.fixture
def metrics():
    stages = {"retrieval": figures(0.101), "ranking": figures(0.123)}
    slice_ = {**figures(0.101), **stages}
    return {
        "protocol": {
            "split": "last-out",
            "on": "test",
            "items": 3459,
            "left_out": {"ials": "implicit is missing"},
        },
        "stages": stages,
        "baselines": {
            "popularity": {**figures(0.012), "slices": {"cold_items": None, "warm_items": figures(0.013)}},
            "ease": {**figures(0.111), "slices": {"cold_items": None, "warm_items": figures(0.117)}},
            "ials": None,
        },
        "slices": {"cold_items": None, "warm_items": slice_, "new_users": None},
        "intervals": {"ranking": {"ndcg@10": [0.118, 0.128]}},
        "comparisons": [
            {
                "ours": "ranking",
                "theirs": "ease",
                "metric": "ndcg@10",
                "our_value": 0.123,
                "their_value": 0.111,
                "difference": 0.012,
                "low": 0.004,
                "high": 0.02,
            }
        ],
        "data": {
            "name": "toys",
            "cleaning": [{"kind": "empty item_id", "count": 1234, "outcome": "dropped"}],
        },
    }


def test_it_says_who_wins_by_how_much(metrics):
    text = Page(render_report(metrics)).text
    assert "Ranking beats EASE, the best baseline, by 0.012 ndcg@10." in text
    assert "+0.004 to +0.020" in text


def test_it_shows_every_model_and_dashes_for_what_is_missing(metrics):
    page = render_report(metrics)
    text = Page(page).text
    for name in ("Retrieval", "Ranking", "Popularity", "EASE", "iALS"):
        assert name in text
    ials = re.search(r"<tr[^>]*><th[^>]*>iALS</th>(.*?)</tr>", page)[1]
    assert set(re.findall(r"<td>(.*?)</td>", ials)) == {"–"}
    assert "iALS was left out: implicit is missing." in text


def test_the_best_of_a_column_is_marked(metrics):
    marked = re.findall(r'<tr class="(\w+)"><th[^>]*>(\w+)</th>(?=<td class="best">)', render_report(metrics))
    assert marked == [("stages", "Ranking")]


def test_slices_show_stages_beside_the_best_baseline(metrics):
    text = Page(render_report(metrics)).text
    assert "0.117" in text, "EASE on warm items"
    assert text.count("no target") == 2


def test_it_needs_nothing_from_outside(metrics):
    page = render_report(metrics)
    assert not re.search(r"https?:|<script|<link|@import|url\(|src=", page)


def test_whatever_stands_in_the_data_is_text(metrics):
    evil = "<script>alert('x')</script>"
    metrics["data"] = {"name": evil, evil: evil, "cleaning": [{"kind": evil, "count": 1, "outcome": evil}]}
    metrics["stages"][evil] = figures(0.2)
    metrics["protocol"]["left_out"] = {evil: evil}
    page = render_report(metrics)
    assert "<script" not in page
    assert Page(page).text.count(evil) >= 6


def test_facts_are_readable(metrics):
    text = Page(render_report(metrics)).text
    assert "3,459 items" in text
    assert "1,234" in text
    assert "empty item_id" in text


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"protocol": None, "stages": None, "baselines": None, "slices": None, "data": None},
        {"stages": {"retrieval": None}, "baselines": {"ease": None}, "slices": {"cold_items": None}},
        {"stages": {"retrieval": {"ndcg@10": 0.0}}, "baselines": {"popularity": {"ndcg@10": 0.0}}},
        {"stages": {"retrieval": {"recall@10": 0.5}}, "comparisons": []},
    ],
)
def test_whatever_is_missing_the_page_is_whole(document):
    assert "Evaluation" in Page(render_report(document)).text


def test_without_baselines_and_comparisons_the_stages_are_still_shown(metrics):
    text = Page(render_report({"stages": metrics["stages"]})).text
    assert "no baseline was measured" in text
    assert "0.123" in text
    assert "Is the difference real?" not in text


def test_it_is_written_as_a_whole(metrics, tmp_path):
    path = tmp_path / "evaluation" / "report.html"
    write_report(metrics, path)
    assert path.read_text("utf-8") == render_report(metrics)
    assert [each.name for each in path.parent.iterdir()] == ["report.html"]
