import pytest

from tfrec.evaluation.findings import Verdict, best, headline, signed, warnings


def metrics(stages=None, baselines=None, **parts):
    """A document with nothing but ndcg@10 of stages and baselines."""
    return {
        "stages": {name: {"ndcg@10": value, "targets": 1000} for name, value in (stages or {}).items()},
        "baselines": {name: {"ndcg@10": value} for name, value in (baselines or {}).items()},
        **parts,
    }


def compared(ours, theirs, difference, low, high):
    return {
        "ours": ours,
        "theirs": theirs,
        "metric": "ndcg@10",
        "difference": difference,
        "low": low,
        "high": high,
    }


@pytest.mark.parametrize(
    ("low", "high", "verdict", "words"),
    [
        (0.01, 0.03, Verdict.AHEAD, "Ranking beats EASE, the best baseline, by 0.020 ndcg@10."),
        (-0.01, 0.05, Verdict.LEVEL, "Ranking cannot be told from EASE"),
        (-0.05, -0.01, Verdict.BEHIND, "Ranking is behind EASE"),
    ],
)
def test_the_interval_decides_the_verdict(low, high, verdict, words):
    found = headline(
        metrics(
            {"retrieval": 0.1, "ranking": 0.12},
            {"popularity": 0.05, "ease": 0.10},
            comparisons=[compared("ranking", "ease", 0.02, low, high)],
        )
    )
    assert found.verdict is verdict
    assert found.sentence.startswith(words)
    assert found.numbers.startswith("ndcg@10 0.120 against 0.100, 95 % interval of the difference")


def test_without_an_interval_the_sign_decides():
    assert headline(metrics({"ranking": 0.12}, {"ease": 0.1})).verdict is Verdict.AHEAD
    assert headline(metrics({"ranking": 0.1}, {"ease": 0.1})).verdict is Verdict.LEVEL
    assert headline(metrics({"ranking": 0.08}, {"ease": 0.1})).verdict is Verdict.BEHIND


@pytest.mark.parametrize(
    "document", [{}, {"stages": None}, {"stages": {"ranking": None}}, metrics({}, {"ease": 0.1})]
)
def test_nothing_measured_is_said(document):
    assert headline(document).verdict is Verdict.UNKNOWN
    assert "No stage was measured" in headline(document).sentence
    assert warnings(document) == []


def test_a_stage_without_rivals_is_stated_alone():
    found = headline(metrics({"ranking": 0.12}))
    assert found.sentence == "Ranking reaches ndcg@10 0.120; no baseline was measured beside it."


def test_the_best_one_is_found_among_nulls():
    document = {"baselines": {"tfidf": None, "ease": {"ndcg@10": 0.2}, "ials": {"ndcg@10": None}}}
    assert best(document, "baselines") == "ease"


def test_a_clean_run_gives_no_warning():
    document = metrics(
        {"retrieval": 0.1, "ranking": 0.12},
        {"popularity": 0.05},
        protocol={"equal_time_share": 0.1, "left_out": {}},
    )
    assert warnings(document) == []


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (metrics(protocol={"equal_time_share": 0.95}), "95% of the interactions share their time"),
        (metrics(protocol={"seen_masked": False}), "not masked"),
        (metrics(protocol={"left_out": {"ease": "too many items"}}), "EASE was left out: too many items."),
        (
            metrics({"ranking": 0.01}, {"popularity": 0.02}),
            "Below popularity (ndcg@10 0.020): Ranking (0.010).",
        ),
        (metrics({"retrieval": 0.2, "ranking": 0.1}), "Ranking loses 0.100 ndcg@10 against Retrieval"),
        ({"stages": {"ranking": {"ndcg@10": 0.1, "targets": 20}}}, "Only 20 targets"),
        (
            {"stages": {"ranking": {"ndcg@10": 0.1, "coverage@20": 0.004}}},
            "Coverage is low: the share of the catalogue in any top 20 is small for Ranking (0.4%).",
        ),
        (metrics({"ranking": 0.1}, slices={"cold_items": {"targets": 400}}), "40% of the targets"),
    ],
)
def test_a_reader_is_warned(document, words):
    found = warnings(document)
    assert len(found) == 1
    assert words in found[0]


def test_few_lists_are_not_blamed_for_a_large_catalogue():
    """400 lists of 20 have room for 8,000 of 1,000,000 items; half of that is no low coverage."""
    stages = {"ranking": {"ndcg@10": 0.1, "targets": 400, "coverage@20": 0.004}}
    assert warnings({"stages": stages, "protocol": {"items": 1_000_000}}) == []
    assert len(warnings({"stages": stages, "protocol": {"items": 8_000}})) == 1


def test_a_loss_within_chance_is_no_warning():
    level = [compared("ranking", "retrieval", -0.001, -0.004, 0.002)]
    assert warnings(metrics({"retrieval": 0.101, "ranking": 0.1}, comparisons=level)) == []


def test_differences_carry_a_sign_unless_they_are_nothing():
    assert [signed(value) for value in (0.0123, -0.0123, 0.0004, -0.0004)] == [
        "+0.012",
        "−0.012",
        "0.000",
        "0.000",
    ]
