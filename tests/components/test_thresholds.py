import pytest
from pydantic import ValidationError

from components.thresholds import Threshold, bless, check

METRICS = {
    "protocol": {"on": "test"},
    "stages": {
        "retrieval": {"ndcg@10": 0.02},
        "ranking": {"ndcg@10": 0.03, "ild@20": None},
        "reranking": None,
    },
    "baselines": {"popularity": {"ndcg@10": 0.03}, "item_knn": {"ndcg@10": 0.029}, "ease": None},
}


def passes(stage="ranking", metric="ndcg@10", **bound):
    return check(Threshold(stage=stage, metric=metric, **bound), METRICS)["passed"]


def test_above_is_more_than_equal():
    assert passes(above="item_knn")
    assert not passes(above="popularity")


def test_at_least_may_be_equal():
    assert passes(at_least=0.03)
    assert not passes(at_least=0.0301)


@pytest.mark.parametrize(
    "threshold",
    [
        {"above": "ease"},  # left out
        {"above": "ials"},  # not there at all
        {"stage": "reranking", "at_least": 0.0},
        {"metric": "ild@20", "at_least": 0.0},
        {"metric": "mrr", "at_least": 0.0},
    ],
)
def test_what_was_not_measured_is_not_passed(threshold):
    assert not passes(**threshold)


def test_one_missed_threshold_is_enough_to_withhold_the_blessing():
    met, missed = (
        Threshold(stage="ranking", metric="ndcg@10", at_least=0.01),
        Threshold(stage="retrieval", metric="ndcg@10", above="popularity"),
    )
    assert bless([met], METRICS)["blessed"]
    assert not bless([met, missed], METRICS)["blessed"]


def test_the_blessing_says_which_thresholds_and_which_baseline():
    verdict = bless([Threshold(stage="ranking", metric="ndcg@10", above="item_knn")], METRICS)
    assert verdict == {
        "blessed": True,
        "on": "test",
        "baselines": ["item_knn"],
        "checks": [
            {
                "stage": "ranking",
                "metric": "ndcg@10",
                "above": "item_knn",
                "value": 0.03,
                "bound": 0.029,
                "passed": True,
                "sentence": "ranking ndcg@10 0.0300, asked: above item_knn 0.0290",
            }
        ],
    }


def test_no_threshold_blesses_nothing():
    assert not bless([], METRICS)["blessed"]


@pytest.mark.parametrize(
    "values",
    [
        {"stage": "ranking", "metric": "ndcg@10"},
        {"stage": "ranking", "metric": "ndcg@10", "above": "ease", "at_least": 0.1},
        {"stage": "ranking", "metric": "ndcg", "at_least": 0.1},
        {"stage": "rank", "metric": "ndcg@10", "at_least": 0.1},
        {"stage": "ranking", "metric": "ndcg@10", "above": "bert4rec"},
        {"stage": "ranking", "metric": "ndcg@10", "at_least": -0.1},
    ],
)
def test_a_threshold_that_means_nothing_is_refused(values):
    with pytest.raises(ValidationError):
        Threshold(**values)
