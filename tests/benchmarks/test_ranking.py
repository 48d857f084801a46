"""The benchmarks of ranking, on the tiny world: cells that stand for themselves, and what they are joined to."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import ranking_robustness
from benchmarks.ranking_ablation import NOTHING, measured, table, without
from benchmarks.ranking_robustness import CLEAN, commands, joined, measure_cell
from benchmarks.ranking_work import Work, ndcg, prepare, recalled_order
from benchmarks.retrieval_quality import Task, task_of
from tests.tiny_world import tiny_config
from tfrec.data.dataset import Dataset

QUICK = ("ranking.epochs=2", "retrieval.epochs=4")


@pytest.fixture(scope="module")
def task(world: Dataset) -> Task:
    return task_of(world, tiny_config())[0]


@pytest.fixture(scope="module")
def work(task: Task) -> Work:
    return prepare(task, tiny_config("none", *QUICK, "ranking.newcomers=0.2"), [task.split.train])


def test_ndcg_counts_ties_against_the_answer() -> None:
    labels = np.array([[0, 1, 0, -1], [0, 0, 0, 0], [1, 0, 0, 0]], np.float32)
    scores = np.array([[3, 2, 2, 2], [1, 2, 3, 4], [9, 1, 2, 3]], np.float32)
    np.testing.assert_allclose(ndcg(labels, scores), [1 / np.log2(2 + 2), 0, 1])


def test_a_part_left_out_is_not_read(work: Work) -> None:
    config = tiny_config("none", *QUICK)
    less, same = without("language", work, config)
    assert less.lists.inputs["features"].shape[-1] == len(work.names) - 6
    assert same.ranking == config.ranking
    fewer, _ = without("newcomers", work, config)
    assert len(fewer.lists.labels) == work.real < len(work.lists.labels)


def test_the_ablation_has_a_row_for_each_part(work: Work) -> None:
    config = tiny_config("none", *QUICK)
    rows = measured(work, config, ["popularity"], seeds=1)
    assert [*rows] == ["ranking", NOTHING, "popularity"]
    assert rows["ranking"]["ndcg@10"] == pytest.approx(recalled_order(work.asked[0]).mean())
    assert rows[NOTHING]["worth"] == rows[NOTHING]["low"] == 0
    assert table(rows).count("\n") == 4


def test_a_cell_holds_the_gain_of_every_target(
    world: Dataset, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking_robustness, "load_config", lambda _, more: tiny_config("none", *QUICK, *more))
    monkeypatch.setattr(ranking_robustness, "load_dataset", lambda _: world)
    cell = measure_cell(
        "tiny", share=0.2, text="typos", recipe="robust", seed=1, settings=["ranking.units=4"]
    )
    assert cell["settings"]["ranking"]["units"] == 4
    assert cell["settings"]["ranking"]["adversarial"] > 0
    assert {len(gains) for gains in cell["gains"].values()} == {len(task.split.valid)}
    assert cell["ndcg@10"]["ranking noisy"] == np.mean(cell["gains"]["ranking noisy"])
    json.dumps(cell)


def cell(recipe: str, share: float, values: list[float], text: str = CLEAN) -> dict[str, Any]:
    figures = ("retrieval noisy", "ranking noisy", "ranking clean")
    settings: dict[str, Any] = {"ranking": {}, "data": {}}
    facts = {"recipe": recipe, "share": share, "text": text, "seed": 0, "data": "d", "machine": {}}
    return {**facts, "settings": settings, "gains": {name: values for name in figures}}


def test_losses_are_against_the_same_recipe_without_noise() -> None:
    cells = [
        cell("plain", 0.0, [0.6, 0.4]),
        cell("plain", 0.2, [0.2, 0.2]),
        cell("robust", 0.0, [0.5, 0.5]),
        cell("robust", 0.2, [0.4, 0.4]),
        cell("plain", 0.0, [0.5, 0.3], "typos"),
    ]
    result = joined(cells)
    losses = {
        (row["recipe"], row["share"], row["text"]): row["ranking noisy"]["loss"]["mean"]
        for row in result["rows"]
    }
    assert losses[("plain", 0.2, CLEAN)] == pytest.approx(0.5 - 0.2)
    assert losses[("robust", 0.2, CLEAN)] == pytest.approx(0.5 - 0.4)
    assert losses[("plain", 0.0, "typos")] == pytest.approx(0.5 - 0.4)
    lines = ranking_robustness.table(result).splitlines()
    assert len(lines) == 2 + len(cells)
    assert "| 20% | plain | 0.2000, +0.3000" in "\n".join(lines)


def test_every_cell_has_a_command_of_its_own(tmp_path: Path) -> None:
    lines = commands("DATA", str(tmp_path), 2, ["ranking.epochs=1"])
    assert len({*lines}) == len(lines) == 2 * 2 * (4 + 2)
    options = ranking_robustness._parser().parse_args(lines[0].split()[3:])
    assert (options.what, options.dataset, options.set) == ("cell", "DATA", ["ranking.epochs=1"])
