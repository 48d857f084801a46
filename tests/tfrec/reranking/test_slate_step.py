"""The slate model as a step: its correction of the first n on the scores of a draft, and of nobody who is unknown."""

import numpy as np
import pytest
import tensorflow as tf

from tests.layer_checks import randomize
from tfrec.reranking.draft import ABSENT, Draft, Relevance, Wishes
from tfrec.reranking.slate_features import SlateVectors
from tfrec.reranking.slate_model import SlateModel, read_slate
from tfrec.reranking.slate_step import SlateReading

RNG = np.random.default_rng(1)
LIST, N = 9, 6
VECTORS = SlateVectors(*(tf.constant(RNG.normal(size=(50, dim)), tf.float32) for dim in (4, 3)))
ROWS = np.stack([RNG.permutation(np.arange(1, 50))[:LIST] for _ in range(3)]).astype(np.int32)
ROWS[2, 5:] = 0
RANKING, RETRIEVAL = RNG.normal(size=(2, 3, LIST)).astype(np.float32)
RANKING[2, 5:] = RETRIEVAL[2, 5:] = ABSENT
KNOWN = np.array([[3, 0], [0, 0], [1, 2]], np.int32)


@pytest.fixture(scope="module")
def model() -> SlateModel:
    model = SlateModel(units=8)
    randomize(model)
    return model


def drafts(model: SlateModel, retrieval: np.ndarray = RETRIEVAL) -> tuple[Draft, Draft]:
    """Before and after the step."""
    wishes = Wishes.of(tf.constant(KNOWN), tf.constant(5))
    wishes = wishes._replace(relevance=Relevance(tf.constant(RANKING), tf.constant(retrieval)))
    before = Draft.of(tf.constant(ROWS), tf.constant(RANKING))
    return before, SlateReading(model, VECTORS, N)(before, wishes)


def test_an_untrained_model_leaves_the_draft_as_it_is():
    for before, after in zip(*drafts(SlateModel()), strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("line", [0, 2])
def test_scores_are_corrected_in_their_own_unit(model, line):
    before, after = (Draft(*(part.numpy() for part in draft)) for draft in drafts(model))
    order = np.argsort(-RANKING[line])
    head, present = order[:N], ROWS[line][order] > 0
    said = (part[line, head][None] for part in (RANKING, RETRIEVAL))
    read = read_slate(VECTORS, ROWS[line, head][None], KNOWN[line][None], *said)
    correction = np.pad(model.correction(read)[0], (0, LIST - N))
    span = np.ptp(RANKING[line][order][present])
    expected = (before.score[line] + correction / span)[present]
    again = np.argsort(-expected)
    np.testing.assert_allclose(after.score[line][present], expected[again], atol=1e-5)
    np.testing.assert_array_equal(after.rows[line][present], ROWS[line][order][present][again])
    np.testing.assert_array_equal(after.place[line][present], order[present][again])
    assert (after.score[line][~present] == ABSENT).all()


def test_somebody_unknown_keeps_the_order(model):
    before, after = drafts(model)
    np.testing.assert_array_equal(before.rows[1], after.rows[1])
    np.testing.assert_array_equal(before.score[1], after.score[1])


def test_what_recall_did_not_find_counts_as_the_least_of_what_it_found(model):
    pinned, least = RETRIEVAL.copy(), RETRIEVAL.copy()
    best = np.argmax(RANKING[0])
    pinned[0, best], least[0, best] = ABSENT, np.delete(RETRIEVAL[0], best).min()
    for one, other in zip(drafts(model, pinned)[1], drafts(model, least)[1], strict=True):
        np.testing.assert_array_equal(one, other)
