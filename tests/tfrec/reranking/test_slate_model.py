"""The slate model: nothing at first, the same for every order of the candidates, blind to places that are empty."""

import numpy as np
import pytest

from tests.layer_checks import check_layer, randomize
from tfrec.reranking.slate_features import SlateVectors
from tfrec.reranking.slate_model import SlateModel, read_slate

N, DIM, WIDE = 7, 5, 3
RNG = np.random.default_rng(0)
VECTORS = SlateVectors(*(RNG.normal(size=(40, width)).astype(np.float32) for width in (DIM, WIDE)))
ROWS = RNG.permutation(np.arange(1, 40, dtype=np.int32))[: 4 * N].reshape(4, N)
ROWS[1, 4:] = 0
HISTORY = np.array([[3, 9, 0], [1, 0, 0], [4, 5, 6], [0, 0, 0]], np.int32)
SCORES = -np.sort(-RNG.normal(size=(2, 4, N)), axis=2).astype(np.float32)


def inputs(rows: np.ndarray = ROWS, scores: np.ndarray = SCORES) -> dict:
    return read_slate(VECTORS, rows, HISTORY[: len(rows)], *scores)


def make(**settings) -> SlateModel:
    return SlateModel(units=8, dropout=0.0, **settings)


@pytest.fixture(scope="module")
def model() -> SlateModel:
    model = make()
    randomize(model)
    return model


def test_it_is_a_layer(tmp_path):
    check_layer(make, (inputs(),), (4, N), tmp_path)


def test_untrained_it_changes_nothing():
    np.testing.assert_array_equal(make()(inputs()), SCORES[0])


def test_the_order_of_the_candidates_does_not_count(model):
    order = RNG.permutation(N)
    shuffled = model(inputs(ROWS[:, order], SCORES[..., order]))
    np.testing.assert_allclose(shuffled, model(inputs()).numpy()[:, order], atol=1e-5)


def test_others_in_the_slate_do_count(model):
    rows = ROWS.copy()
    rows[0, -1] = 39 if 39 not in rows[0] else 38
    change = np.abs(model(inputs(rows)) - model(inputs()))
    assert (change[0] > 1e-6).all()
    assert (change[1:] < 1e-6).all()


def test_what_stands_where_no_candidate_is_has_no_influence(model):
    noise = SCORES.copy()
    noise[:, 1, 4:] = np.finfo(np.float32).min
    np.testing.assert_array_equal(
        model.correction(inputs(scores=noise)), model.correction(inputs(scores=SCORES))
    )
    alone = model.correction(read_slate(VECTORS, ROWS[1:2, :4], HISTORY[1:2], *SCORES[:, 1:2, :4]))
    np.testing.assert_allclose(model.correction(inputs())[1:2, :4], alone, atol=1e-5)
    np.testing.assert_array_equal(model.correction(inputs())[1, 4:], 0)


def test_corrections_add_up_to_nothing_whatever_the_offset_of_the_scores(model):
    correction = model.correction(inputs())
    np.testing.assert_allclose(np.sum(correction, 1), 0, atol=1e-5)
    offset = np.array([5.0, -3.0], np.float32)[:, None, None]
    np.testing.assert_allclose(model.correction(inputs(scores=SCORES + offset)), correction, atol=1e-4)


def test_an_empty_slate_is_finite(model):
    assert np.isfinite(model(inputs(np.zeros_like(ROWS)))).all()
