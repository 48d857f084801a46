"""Rows of the comparison: measured by one protocol, kept until they are measured anew or the data change."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import retrieval_quality
from benchmarks.retrieval_quality import Task, baseline_row, kept_rows, mean_of, our_row, peer_row, table
from tests.tiny_world import tiny_config
from tfrec.data.dataset import Dataset
from tfrec.data.histories import histories
from tfrec.data.item_content import learn_content
from tfrec.data.splits import split
from tfrec.evaluation import baselines


@pytest.fixture(scope="module")
def task(world: Dataset) -> Task:
    return Task(split(histories(world)), len(world.item_ids), learn_content(world, None))


def test_a_baseline_has_figures_settings_and_seconds(task: Task) -> None:
    row = baseline_row("item_knn", task)
    assert row["targets"] == len(task.split.test)
    assert row["recall@10"] == 1.0  # the rest of one's ring is at most 10 items
    assert row["seconds"] > 0
    assert row["settings"]["shrinkage"] == 0


def test_a_baseline_that_cannot_be_fitted_says_why(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "EASE_ITEMS", 1)
    row = baseline_row("ease", task)
    assert "limit 1 items" in row["left_out"]
    assert "–" in table([{"data": {"name": "tiny"}, "rows": {"ease": row}}])


def test_ours_finds_the_next_item(task: Task) -> None:
    config = tiny_config("none", "seed=3", "retrieval.epochs=8")
    row = our_row(task, config, 1)
    (run,) = row["runs"]
    assert run["seed"] == 3
    assert row["recall@10"] == run["recall@10"] > 0.9
    assert row["epochs"] == run["epochs"] <= config.retrieval.epochs
    assert row["settings"]["retrieval"]["dim"] == config.retrieval.dim


def test_seeds_are_averaged_and_what_is_no_number_left_out() -> None:
    runs = [{"seed": 3, "ndcg@10": 0.1, "ild@20": None}, {"seed": 4, "ndcg@10": 0.3, "ild@20": None}]
    assert mean_of(runs) == {"ndcg@10": pytest.approx(0.2)}


def test_the_peer_gets_both_histories_and_its_vectors_are_measured(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A peer that knows the answers is right for everybody."""

    def ask(python: Path, module: str, settings: dict, arrays: dict) -> tuple[dict, dict]:
        assert len(arrays["refit_item"]) == len(arrays["train_item"]) + len(arrays["valid_item"])
        assert settings["model"]["n_factors"] == 16
        assert settings["model"]["dropout_rate"] == 0.5
        items = np.eye(task.items, dtype=np.float32)
        users = np.zeros((len(task.split.refit), task.items), np.float32)
        users[task.split.test.user] = items[task.split.test.item]
        answer = {"users": users, "items": items, "known": np.arange(task.items)}
        return {"seconds": 1.0}, {**answer, "catalogue": np.array(task.items)}

    monkeypatch.setattr(retrieval_quality, "ask", ask)
    row = peer_row(task, tiny_config(), Path("python"), epochs=3, own={"dropout_rate": 0.5})
    assert row["recall@10"] == row["ndcg@10"] == row["mrr"] == 1.0
    assert row["settings"]["epochs"] == 3


def test_rows_are_kept_for_the_same_data_alone(tmp_path: Path) -> None:
    path, data = tmp_path / "rows.json", {"name": "tiny", "fingerprint": "a"}
    assert kept_rows(path, data) == {"data": data, "rows": {}}
    path.write_text(json.dumps({"data": data, "rows": {"sasrec": {"ndcg@10": 0.5}}}))
    assert kept_rows(path, data)["rows"] == {"sasrec": {"ndcg@10": 0.5}}
    assert kept_rows(path, {**data, "fingerprint": "b"})["rows"] == {}
