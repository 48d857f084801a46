"""The benchmark of re-ranking on the tiny world, and its scores by hand."""

import numpy as np
import pytest
import tensorflow as tf

import benchmarks.reranking_quality as benchmark
from benchmarks.reranking_quality import STRENGTHS, line_of, measure, ndcg, with_reader
from tfrec.reranking import slate_fit
from tfrec.reranking.language_step import LanguageReading
from tfrec.reranking.slates import Slates
from tfrec.run import Run
from tfrec.run_slates import target_slates


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


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """How good the slate model is, is asked elsewhere."""
    monkeypatch.setattr(slate_fit, "FOLDS", 2)
    monkeypatch.setattr(slate_fit, "EPOCHS", 2)


def test_a_run_is_measured_on_its_own_slates(world_run: Run, tmp_path):
    np.save(tmp_path / "read.npy", np.zeros((30, 10)))
    figures = measure(world_run, "valid", 30, tmp_path / "read.npy")
    assert figures["users"] == 30
    assert figures["ways"]["ranking"]["mean"] == 0
    assert figures["ways"]["cross-encoder"]["ndcg@10"] == pytest.approx(figures["ways"]["ranking"]["ndcg@10"])
    distances = [line["ild@20"] for line in figures["diversity"]]
    assert len(distances) == len(STRENGTHS)
    assert figures["diversity"][0]["ndcg@10"] == pytest.approx(figures["ways"]["ranking"]["ndcg@10"])


class ByRow:
    """A cross-encoder that likes the newest items of the catalogue."""

    def __call__(self, inputs):
        return tf.cast(inputs["candidates"], tf.float32)

    def predict(self, inputs, **_):
        return self(inputs).numpy()


def test_the_cross_encoder_of_a_run_reads_the_first_candidates(world_run: Run, monkeypatch):
    monkeypatch.setattr(benchmark, "cross_reading", lambda *_: LanguageReading(ByRow(), 100.0, 3))
    monkeypatch.setattr(benchmark, "fit_slate_model", lambda *_, **__: None)
    monkeypatch.setattr(benchmark, "diversity_curve", lambda *_: [])
    row = measure(world_run, "valid", 30, None)["ways"]["cross-encoder"]
    slates = target_slates(world_run, "valid", n=world_run.config.reranking.slate)
    slates = slates.take(np.sort(np.random.default_rng(0).permutation(len(slates))[:30]))
    order = np.argsort(-slates.rows[:, :3], axis=1)
    answer = np.take_along_axis(slates.labels[:, :3], order, 1)
    rest = np.concatenate([answer, slates.labels[:, 3:]], 1)[:, :10] > 0
    assert row["ndcg@10"] == pytest.approx((rest / np.log2(np.arange(rest.shape[1]) + 2)).sum(1).mean())
    assert row["milliseconds"] > 0
    assert "a millisecond" in line_of("cross-encoder", row)
