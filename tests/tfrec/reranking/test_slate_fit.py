"""The fit: it finds what only the whole slate tells, gives up where there is nothing, and follows a teacher."""

import logging

import numpy as np
import pytest

from tfrec.config import RerankingConfig
from tfrec.reranking import slate_fit
from tfrec.reranking.slate_features import SlateVectors
from tfrec.reranking.slate_fit import fit_slate_model, is_taught, with_teacher
from tfrec.reranking.slate_model import read_slate
from tfrec.reranking.slates import Slates

N, ITEMS = 6, 60
RNG = np.random.default_rng(0)
TASTE = np.r_[0, np.arange(ITEMS) % 2]
VECTORS = SlateVectors(
    np.stack([TASTE == 0, TASTE == 1, RNG.normal(size=ITEMS + 1) / 10], 1).astype(np.float32),
    np.zeros((ITEMS + 1, 0), np.float32),
)


def odd_ones(count: int) -> Slates:
    """Slates of one taste but for the answer: which taste that is, only the others tell."""
    rows = np.zeros((count, N), np.int32)
    odd, taste = RNG.integers(N, size=count), RNG.integers(2, size=count)
    for line, (place, own) in enumerate(zip(odd, taste, strict=True)):
        rows[line] = 1 + 2 * RNG.permutation(ITEMS // 2)[:N] + own
        rows[line, place] += 1 - 2 * own
    labels = (np.arange(N) == odd[:, None]).astype(np.float32)
    scores = -np.sort(-RNG.normal(size=(2, count, N)), axis=2).astype(np.float32)
    nobody = np.zeros(count, np.int32)
    return Slates(nobody, nobody[:, None], rows, labels, *scores)


def share_found(model, slates: Slates) -> float:
    read = read_slate(VECTORS, slates.rows, slates.history, slates.ranking, slates.retrieval)
    scores = model(read).numpy()
    return float((scores.argmax(1) == slates.labels.argmax(1)).mean())


@pytest.fixture
def two_folds(monkeypatch):
    """Each takes a training."""
    monkeypatch.setattr(slate_fit, "FOLDS", 2)


def test_it_finds_what_only_the_whole_slate_tells(two_folds):
    model = fit_slate_model(odd_ones(700), VECTORS, RerankingConfig(), seed=0)
    assert share_found(model, odd_ones(300)) > 0.8  # one in N by the order that comes in


def test_where_the_order_is_as_good_as_can_be_there_is_no_model(caplog):
    slates = odd_ones(400)
    drawn = (slates.ranking + RNG.gumbel(size=(400, N))).argmax(1)  # by the softmax of the scores
    with caplog.at_level(logging.INFO):
        noise = Slates(**{**vars(slates), "labels": np.eye(N, dtype=np.float32)[drawn]})
        assert fit_slate_model(noise, VECTORS, RerankingConfig(), seed=0) is None
    assert "the order of ranking stays" in caplog.text


def test_without_answers_there_is_nothing_to_learn(caplog):
    slates = odd_ones(50)
    unanswered = Slates(**{**vars(slates), "labels": np.zeros_like(slates.labels)})
    with caplog.at_level(logging.INFO):
        for some in (unanswered, slates.take(slice(0))):
            assert fit_slate_model(some, VECTORS, RerankingConfig(), seed=0) is None
    assert caplog.text.count("too few slates to learn from") == 2


def test_a_teacher_tells_more_than_few_answers(two_folds):
    """One slate in fifteen has an answer; the teacher knows it in all."""
    slates = odd_ones(1500)
    rare = np.where(RNG.random((1500, 1)) < 1 / 15, slates.labels, 0).astype(np.float32)
    few = Slates(**{**vars(slates), "labels": rare})
    model = fit_slate_model(
        few, VECTORS, RerankingConfig(distillation=0.9), seed=0, teacher=5 * slates.labels
    )
    assert share_found(model, odd_ones(300)) > 0.8


@pytest.mark.parametrize(
    ("labels", "teacher", "taught"),
    [([0, 1], [np.nan, np.nan], True), ([0, 0], [1.0, 2.0], True), ([0, 0], [1.0, np.nan], False)],
)
def test_an_answer_or_two_scores_of_a_teacher_make_a_lesson(labels, teacher, taught):
    assert is_taught(with_teacher(np.array([labels]), np.array([teacher]))).tolist() == [taught]
