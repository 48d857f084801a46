import json

import numpy as np
import pytest

from tfrec.evaluation.document import metrics_document
from tfrec.evaluation.metrics_file import read_metrics, write_metrics
from tfrec.evaluation.protocol import rank_targets, slices
from tfrec.evaluation.rivals import rank_rivals

N_ITEMS = 5


@pytest.fixture
def document(make_histories, make_targets):
    """Two stages and two baselines, one of which cannot run; user 3's target was never met."""
    trained = make_histories([[0, 1], [0, 1, 2], [0, 2], [1, 3]])
    targets = make_targets({0: 3, 1: 3, 2: 3, 3: 4})
    upwards = np.tile(np.arange(N_ITEMS, dtype=np.float32), (4, 1))
    stages = {
        "retrieval": rank_targets(lambda users: upwards[users], targets, trained),
        "ranking": rank_targets(lambda users: -upwards[users], targets, trained),
    }
    rivals = rank_rivals(trained, targets, trained, N_ITEMS, names=["popularity", "tfidf"])
    masks = slices(targets, trained, N_ITEMS)
    return metrics_document(
        stages, rivals, masks, N_ITEMS, protocol={"split": "last-out", "seed": 0}, data={"name": "tiny"}
    )


def test_it_has_the_promised_parts(document):
    assert document.keys() >= {"protocol", "stages", "baselines", "slices"}
    assert document["protocol"] == {
        "split": "last-out",
        "seed": 0,
        "left_out": {"tfidf": "the items have no text"},
    }
    assert document["baselines"]["tfidf"] is None
    assert document["data"] == {"name": "tiny"}


def test_figures_are_those_of_the_rankings(document):
    # retrieval scores item n with n: only item 4 stands before item 3, and nothing before item 4
    assert document["stages"]["retrieval"]["mrr"] == pytest.approx((1 / 2 + 1 / 2 + 1 / 2 + 1) / 4)
    # ranking scores it with -n: before the targets stand 2; nothing; 1; 0 and 2
    assert document["stages"]["ranking"]["mrr"] == pytest.approx((1 / 2 + 1 + 1 / 2 + 1 / 3) / 4)


def test_a_slice_speaks_of_the_first_stage_unless_another_is_asked(document):
    cold = document["slices"]["cold_items"]
    assert cold["mrr"] == cold["retrieval"]["mrr"] == 1
    assert cold["ranking"]["mrr"] == pytest.approx(1 / 3)
    assert cold["targets"] == 1
    assert document["slices"]["new_users"] is None


def test_comparisons_and_intervals_leave_out_what_did_not_run(document):
    pairs = {(row["ours"], row["theirs"]) for row in document["comparisons"]}
    assert pairs == {("retrieval", "popularity"), ("ranking", "popularity"), ("ranking", "retrieval")}
    assert document["intervals"].keys() == {"popularity", "retrieval", "ranking"}
    low, high = document["intervals"]["retrieval"]["mrr"]
    assert low <= document["stages"]["retrieval"]["mrr"] <= high


def test_it_survives_the_file(document, tmp_path):
    write_metrics(document, tmp_path / "metrics.json")
    read = read_metrics(tmp_path / "metrics.json")
    assert read["slices"]["cold_items"]["ranking"]["mrr"] == 0.333333
    assert "NaN" not in json.dumps(read)


def test_no_target_at_all_gives_nulls_and_no_error(make_histories, make_targets):
    trained, targets = make_histories([[0, 1]]), make_targets({})
    stages = {"retrieval": rank_targets(lambda users: np.zeros((0, 2)), targets, trained)}
    rivals = rank_rivals(trained, targets, trained, 2, names=["popularity"])
    document = metrics_document(stages, rivals, slices(targets, trained, 2), 2, protocol={})
    assert document["stages"] == {"retrieval": None}
    assert document["baselines"] == {"popularity": None}
    assert set(document["slices"].values()) == {None}
    assert document["comparisons"] == []
