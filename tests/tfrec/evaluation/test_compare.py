from math import log2

import numpy as np
import pytest

from tfrec.evaluation.compare import Difference, as_rows, compare_ranks, compare_runs, compare_stages
from tfrec.evaluation.metrics import PER_QUERY
from tfrec.evaluation.metrics_file import METRICS_FILE, RANKS_FILE, write_metrics, write_ranks
from tfrec.evaluation.protocol import Ranking


def write_run(folder, ranks, targets, *, seed=0, coverage=None):
    """What `tfrec evaluate` leaves behind: ranks by stage, and a metrics.json with a coverage."""
    rankings = {
        name: Ranking(np.array(rank), np.zeros((len(rank), 20), np.int32)) for name, rank in ranks.items()
    }
    ids = np.array([f"id{n}" for n in range(20)], object)
    write_ranks(rankings, targets, folder / "evaluation" / RANKS_FILE, user_ids=ids, item_ids=ids)
    figures = {"retrieval": {"coverage@20": coverage, "ild@20": None}}
    document = {"protocol": {"split": "last-out", "seed": seed}, "stages": figures, "baselines": {}}
    write_metrics(document, folder / "evaluation" / METRICS_FILE)
    return folder


def test_ranks_are_compared_in_every_metric_over_the_same_targets():
    ours, theirs = np.array([0, 0, 12]), np.array([1, 0, 30])
    found = {row.metric: row for row in compare_ranks(ours, theirs, names=("a", "b"))}
    assert found.keys() == PER_QUERY.keys()
    assert found["ndcg@10"].difference == pytest.approx((1 - 1 / log2(3)) / 3)
    assert found["recall@20"].our_value == 1
    assert found["recall@20"].their_value == pytest.approx(2 / 3)
    assert found["mrr"].difference == pytest.approx((1 - 1 / 2 + 1 / 13 - 1 / 31) / 3)


def test_a_gain_for_everybody_is_certain_and_none_is_not():
    better, same = np.zeros(50, int), np.full(50, 1)
    gain, none = (
        compare_ranks(ranks, same, names=("a", "b"), metrics=["mrr"])[0] for ranks in (better, same)
    )
    assert (gain.low, gain.high) == (0.5, 0.5)
    assert gain.is_certain
    assert not none.is_certain
    assert not Difference("a", "b", "coverage@20", 0.2, 0.1, 0.1).is_certain, "nothing is known of its chance"


def test_each_stage_meets_each_baseline_and_the_stage_before():
    ranks = np.arange(5)
    stages = {"retrieval": ranks, "ranking": ranks, "reranking": ranks}
    pairs = [(row.ours, row.theirs) for row in compare_stages(stages, {"ease": ranks}, metrics=["mrr"])]
    assert pairs == [
        ("retrieval", "ease"),
        ("ranking", "ease"),
        ("reranking", "ease"),
        ("ranking", "retrieval"),
        ("reranking", "ranking"),
    ]


def test_rows_are_plain(make_targets):
    row = as_rows([Difference("a", "b", "mrr", 0.5, 0.25, 0.25, 0.1, 0.4)])[0]
    assert row["difference"] == 0.25
    assert (row["low"], row["high"]) == (0.1, 0.4)


def test_runs_are_joined_by_target_not_by_row(tmp_path, make_targets):
    run_a = write_run(tmp_path / "a", {"retrieval": [0, 3]}, make_targets({1: 5, 2: 6}), coverage=0.5)
    run_b = write_run(tmp_path / "b", {"retrieval": [1, 1]}, make_targets({2: 6, 1: 5}), coverage=0.2)
    comparison = compare_runs(run_a, run_b)
    found = {row.metric: row for row in comparison.differences["retrieval"]}
    assert found["mrr"].difference == pytest.approx((1 + 1 / 4) / 2 - (1 / 2 + 1 / 2) / 2)
    assert found["coverage@20"].difference == pytest.approx(0.3)
    assert found["coverage@20"].low is None
    assert "ild@20" not in found, "unknown in both"
    assert comparison.notes == []


def test_what_is_not_shared_is_set_aside_with_a_note(tmp_path, make_targets):
    run_a = write_run(tmp_path / "a", {"retrieval": [0, 3], "ease": [1, 1]}, make_targets({1: 5, 2: 6}))
    run_b = write_run(tmp_path / "b", {"retrieval": [4, 2]}, make_targets({2: 6, 3: 7}), seed=1)
    comparison = compare_runs(run_a, run_b)
    assert list(comparison.differences) == ["retrieval"]
    assert comparison.differences["retrieval"][4].difference == pytest.approx(1 / 4 - 1 / 5), "user 2 alone"
    assert comparison.notes == ["seed differs: 0 and 1", "1 ranks of 4 and 2 are shared and compared"]


def test_runs_without_a_shared_target_are_refused(tmp_path, make_targets):
    run_a = write_run(tmp_path / "a", {"retrieval": [0]}, make_targets({1: 5}))
    run_b = write_run(tmp_path / "b", {"retrieval": [0]}, make_targets({1: 6}))
    with pytest.raises(ValueError, match="must share targets"):
        compare_runs(run_a, run_b)


def test_a_run_that_was_not_evaluated_is_named(tmp_path, make_targets):
    run = write_run(tmp_path / "a", {"retrieval": [0]}, make_targets({1: 5}))
    with pytest.raises(FileNotFoundError, match=r"run `tfrec evaluate .*b` first"):
        compare_runs(run, tmp_path / "b")
