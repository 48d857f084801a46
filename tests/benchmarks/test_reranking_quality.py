"""The benchmark of re-ranking on the tiny world, and its scores by hand."""

import numpy as np
import pytest

from benchmarks.reranking_quality import STRENGTHS, measure, ndcg, with_reader
from tfrec.reranking.slates import Slates
from tfrec.run import Run


def test_ndcg_is_that_of_one_answer():
    labels = np.array([[0, 0, 1.0], [1.0, 0, -1], [0, 0, 0]])
    scores = np.array([[3.0, 2.0, 1.0], [1.0, 1.0, 9.0], [1.0, 2.0, 3.0]])
    np.testing.assert_allclose(ndcg(labels, scores), [1 / np.log2(4), 1 / np.log2(3), 0])


def test_what_was_not_read_stays_behind_in_its_order():
    nothing = np.zeros((1, 4), np.float32)
    ranking = np.array([[4.0, 3.0, 2.0, 1.0]], np.float32)
    slates = Slates(nothing[:, 0], nothing, nothing, nothing, ranking, nothing)
    logits = np.array([[0.0, 5.0, np.nan, np.nan]])
    assert np.argsort(-with_reader(slates, logits)[0]).tolist() == [1, 0, 2, 3]
    nothing_read = with_reader(slates, np.full((1, 4), np.nan))
    np.testing.assert_allclose(np.diff(nothing_read), np.diff(ranking))


def test_a_run_is_measured_on_its_own_slates(world_run: Run, tmp_path):
    np.save(tmp_path / "read.npy", np.zeros((30, 10)))
    figures = measure(world_run, "valid", 30, tmp_path / "read.npy")
    assert figures["users"] == 30
    assert figures["ways"]["ranking"]["mean"] == 0
    assert figures["ways"]["cross-encoder"]["ndcg@10"] == pytest.approx(figures["ways"]["ranking"]["ndcg@10"])
    assert figures["milliseconds"]["slate model"] > 0
    distances = [line["ild@20"] for line in figures["diversity"]]
    assert len(distances) == len(STRENGTHS)
    assert figures["diversity"][0]["ndcg@10"] == pytest.approx(figures["ways"]["ranking"]["ndcg@10"])
