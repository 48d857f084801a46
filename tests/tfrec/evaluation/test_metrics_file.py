import json

import numpy as np
import pandas as pd
import pytest

from tfrec.evaluation.metrics_file import read_metrics, write_metrics, write_ranks
from tfrec.evaluation.protocol import Ranking

DOCUMENT = {"protocol": {"seed": 0}, "stages": {}, "baselines": {"ease": None}}


def test_what_is_written_is_read_again(tmp_path):
    write_metrics(DOCUMENT, tmp_path / "run" / "evaluation" / "metrics.json")
    assert read_metrics(tmp_path / "run" / "evaluation" / "metrics.json") == DOCUMENT


def test_floats_have_six_digits_and_numpy_values_become_plain(tmp_path):
    path = tmp_path / "metrics.json"
    values = {"third": 1 / 3, "single": np.float32(0.1), "count": np.int64(7), "flag": np.bool_(True)}
    write_metrics({**DOCUMENT, "values": values, "pair": (np.float64(1 / 7), 2), "array": np.arange(2)}, path)
    written = json.loads(path.read_text())
    assert written["values"] == {"third": 0.333333, "single": 0.1, "count": 7, "flag": True}
    assert written["pair"] == [0.142857, 2]
    assert written["array"] == [0, 1]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, np.float32("nan")])
def test_what_is_not_a_number_is_refused_with_its_key(value, tmp_path):
    with pytest.raises(ValueError, match=r"`metrics.stages.ranking.mrr` must be finite"):
        write_metrics({"stages": {"ranking": {"mrr": value}}}, tmp_path / "metrics.json")
    assert not list(tmp_path.iterdir()), "nothing half-written stays"


def test_what_is_no_json_is_refused_with_its_key(tmp_path):
    with pytest.raises(ValueError, match=r"`metrics.a\[1\]` must be .* Received: set"):
        write_metrics({"a": [1, {2}]}, tmp_path / "metrics.json")


def test_an_older_file_survives_a_failed_write(tmp_path):
    path = tmp_path / "metrics.json"
    write_metrics(DOCUMENT, path)
    with pytest.raises(ValueError, match="finite"):
        write_metrics({**DOCUMENT, "x": np.nan}, path)
    assert read_metrics(path) == DOCUMENT


@pytest.mark.parametrize("content", ["{}", "[1]", '{"protocol": {}, "stages": {}}', "not json"])
def test_another_file_is_refused(content, tmp_path):
    (tmp_path / "metrics.json").write_text(content)
    with pytest.raises(ValueError, match=r"metrics\.json"):
        read_metrics(tmp_path / "metrics.json")


def test_ranks_are_written_by_id_for_every_stage(tmp_path, make_targets):
    rankings = {
        "retrieval": Ranking(np.array([5, 0]), np.zeros((2, 20), np.int32)),
        "ease": Ranking(np.array([1, 2]), np.zeros((2, 20), np.int32)),
    }
    ids = {"user_ids": np.array(["u", "ü", "v"], object), "item_ids": np.array(["a", "b"], object)}
    write_ranks(rankings, make_targets({1: 0, 2: 1}), tmp_path / "new" / "ranks.parquet", **ids)
    assert pd.read_parquet(tmp_path / "new" / "ranks.parquet").to_dict("list") == {
        "user_id": ["ü", "v", "ü", "v"],
        "item_id": ["a", "b", "a", "b"],
        "stage": ["retrieval", "retrieval", "ease", "ease"],
        "rank": [5, 0, 1, 2],
    }
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["ranks.parquet"]
