"""The benchmark of indexes: worlds with right answers, engines measured alike, the quickest that find enough."""

import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import index, one_query, vector_worlds
from benchmarks.peers import nearest
from benchmarks.peers.environment import ask

ITEMS = 600


@pytest.fixture(scope="module")
def world() -> vector_worlds.World:
    return vector_worlds.structured(ITEMS)


@pytest.mark.parametrize("make", [vector_worlds.structured, vector_worlds.uniform])
def test_the_truth_is_a_sort_of_all_inner_products(make):
    world = make(ITEMS)
    assert world.vectors.shape == (ITEMS, vector_worlds.DIM)
    assert len(world.sample) == vector_worlds.SAMPLE
    for query, truth in zip(world.asked, world.truth, strict=True):
        assert {*truth} == {*np.argsort(-(world.vectors @ query))[: one_query.K]}


def test_copies_lie_near_their_originals():
    originals = np.eye(8, 64, dtype=np.float32) * np.arange(1, 9, dtype=np.float32)[:, None]
    copies = vector_worlds.grown(originals, 4000, np.random.default_rng(0))
    near = copies[:, :8].argmax(1)
    error = np.linalg.norm(copies - originals[near], axis=1) / (near + 1)
    assert error.mean() == pytest.approx(np.hypot(vector_worlds.PERTURBATION, vector_worlds.LENGTHS), rel=0.1)
    assert (np.bincount(near, minlength=8) > 300).all()


def test_recall_is_the_share_of_right_answers():
    truth = np.stack([np.arange(100), np.arange(100, 200)])
    answers = iter([*[truth[0]] * 10, np.arange(50), np.arange(150, 999), *[truth[0]] * 99])
    queries = np.zeros((2, 4), np.float32)
    for _ in range(8):
        next(answers)  # of the ten that warm up, two are left: there are two queries
    figures = one_query.figures(lambda query: next(answers)[None], queries, truth, 3)
    assert figures["recall"] == 0.5
    assert len(figures["rounds"]) == 3


class Slow(nearest.Hnswlib):
    """A brute force that needs no package."""

    def __init__(self, vectors: np.ndarray, threads: int) -> None:
        self.vectors = vectors

    def save(self, folder: Path) -> None:
        np.save(folder / "index.npy", self.vectors)

    def settings(self, threads: list[int]) -> nearest.Asked:
        for count in threads:
            for share in (1, 2):
                part = self.vectors[::share]
                yield (
                    f"every {share}",
                    count,
                    lambda query, part=part, share=share: share * np.argsort(-(part @ query[0]))[:100],
                )


def test_an_engine_gives_a_row_for_each_setting(world, monkeypatch):
    monkeypatch.setitem(nearest.ENGINES, "slow", Slow)
    rows = nearest.rows("slow", world._asdict(), [1, 2], 1)
    assert [(row["setting"], row["threads"]) for row in rows] == [
        ("every 1", 1), ("every 2", 1), ("every 1", 2), ("every 2", 2),
    ]  # fmt: skip
    assert rows[0]["recall"] == 1 > rows[1]["recall"] > 0.3
    assert rows[0]["megabytes"] == pytest.approx(world.vectors.nbytes / 1e6, abs=0.001)


def test_our_indexes_as_a_server_asks_them(world, tmp_path):
    python, arrays = Path(sys.executable), world._asdict()
    built, _ = ask(python, index.OURS, {"task": "build", "folder": str(tmp_path), "recalls": [0.9]}, arrays)
    question = {"task": "ask", "rows": built["rows"], "threads": 1, "repeats": 1}
    exact, clustered = ask(python, index.OURS, question, arrays)[0]["rows"]
    assert exact["recall"] == 1 >= clustered["recall"] > 0.85
    assert exact["megabytes"] == pytest.approx((ITEMS + 1) * vector_worlds.DIM * 4 / 1e6)
    assert clustered["megabytes"] < 2 * exact["megabytes"]


def row(engine: str, recall: float, milliseconds: float, **more) -> index.Row:
    about = {
        "world": "uniform",
        "items": 10,
        "threads": 1,
        "setting": "",
        "build_seconds": 1.0,
        "megabytes": 2.0,
    }
    return {**about, "engine": engine, "recall": recall, "p50_ms": milliseconds, "p90_ms": 9.0, **more}


def test_the_quickest_that_finds_enough():
    wanted = row("a", 0.96, 2.0), row("a", 0.95, 7.0, threads=2), row("b", 1.0, 5.0)
    others = row("a", 0.94, 1.0), row("a", 0.99, 3.0), row("c", 0.5, 0.1)
    assert index.best_rows([*others, *wanted]) == [*wanted]
    assert "| uniform | 10 | 1 | a |  | 0.960 | 2.00 | 9.00 | 1 | 2 |" in index.table(wanted)
