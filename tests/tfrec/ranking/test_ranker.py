"""The ranker: where it starts, what it may not depend on, and that it survives its file."""

import keras
import numpy as np
import pytest

from tests.layer_checks import check_layer, randomize
from tfrec.ranking.levels import KNOTS
from tfrec.ranking.losses import make_loss
from tfrec.ranking.ranker import Ranker

ITEMS, DIM, CONTENT, FEATURES = 9, 4, 6, 5
RNG = np.random.default_rng(0)
INPUTS = {
    "features": RNG.normal(size=(3, 6, FEATURES)).astype(np.float32),
    "candidates": RNG.integers(1, ITEMS, (3, 6)).astype(np.int32),
    "history": np.array([[3, 4, 1, 0], [7, 0, 0, 0], [0, 0, 0, 0]], np.int32),
}


def make(**options) -> Ranker:
    ranker = Ranker(ITEMS, DIM, FEATURES, content_dim=CONTENT, units=8, dropout=0.0, **options)
    for table in (ranker.vectors, ranker.content):
        vectors = RNG.normal(size=table.shape)
        vectors[0] = 0
        table.assign(vectors)
    return ranker


KINDS = [{}, {"meets": "lstm", "cross": 2}, {"meets": "none", "maps": 3}, {"maps": 2, "form": "max"}]


@pytest.fixture(params=KINDS, ids=str)
def ranker(request) -> Ranker:
    made = make(**request.param)
    randomize(made)
    made.set_new(np.ones(ITEMS))
    return made


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_model(kind, tmp_path):
    check_layer(lambda **kw: make(**kind, **kw), (INPUTS,), (3, 6), tmp_path, tolerance=1e-4)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_untrained_it_keeps_the_order_of_the_first_feature(kind):
    np.testing.assert_allclose(make(**kind)(INPUTS), INPUTS["features"][..., 0], atol=1e-3)


def test_a_candidate_does_not_depend_on_its_list(ranker):
    whole = ranker(INPUTS).numpy()
    for place in range(6):
        one = {name: values[:, place : place + 1] for name, values in INPUTS.items() if name != "history"}
        np.testing.assert_allclose(
            ranker({**one, "history": INPUTS["history"]})[:, 0], whole[:, place], atol=1e-5
        )


def test_padding_of_the_history_is_nothing(ranker):
    wide = {**INPUTS, "history": np.pad(INPUTS["history"], [(0, 0), (0, 5)])}
    np.testing.assert_allclose(ranker(wide), ranker(INPUTS), atol=1e-5)


def test_it_sees_the_history(ranker):
    other = {**INPUTS, "history": np.array([[3, 4, 2, 0], [8, 0, 0, 0], [5, 0, 0, 0]], np.int32)}
    assert (np.abs(ranker(other) - ranker(INPUTS)).max(1) > 1e-4).all()


def test_item_vectors_are_frozen(ranker):
    tables = {id(table) for table in (ranker.vectors, ranker.content, ranker.new, ranker.levels)}
    assert not any(id(weight) in tables for weight in ranker.trainable_variables)


def test_probabilities_keep_the_order(ranker):
    ranker.calibration.assign([0.5, -2.0])
    scores = ranker(INPUTS)
    np.testing.assert_allclose(ranker.probability(scores), 1 / (1 + np.exp(2 - 0.5 * scores)), rtol=1e-5)


def test_a_new_item_stands_as_high_as_recall_puts_it(ranker):
    """By the levels, once there are any; the others keep their scores."""
    ranker.levels.assign(np.zeros((2, KNOTS)))
    before, warm = ranker(INPUTS).numpy(), np.ones(ITEMS)
    new = INPUTS["candidates"] == INPUTS["candidates"][0, 0]
    warm[INPUTS["candidates"][0, 0]] = 0
    ranker.set_new(warm)
    np.testing.assert_array_equal(ranker(INPUTS), before)
    ranker.levels.assign([np.linspace(-9, 9, KNOTS), np.linspace(-7, 11, KNOTS)])
    expected = np.where(new, INPUTS["features"][..., 0] + 2, before)
    np.testing.assert_allclose(ranker(INPUTS), expected, atol=1e-5)
    assert new.any()
    assert (ranker(INPUTS, training=True).numpy()[new] != expected[new]).all()  # nothing to learn there


def test_with_other_tables_it_says_of_items_what_their_vectors_say(ranker):
    """The same items in reverse order, twice."""
    order = np.r_[0, np.arange(ITEMS - 1, 0, -1), np.arange(ITEMS)]
    other = ranker.with_tables(ranker.vectors.numpy()[order], ranker.content.numpy()[order])
    turned = {name: np.where(INPUTS[name] > 0, ITEMS - INPUTS[name], 0) for name in ("candidates", "history")}
    moved = {**turned, "candidates": INPUTS["candidates"] + ITEMS}
    for rows in (turned, moved):
        np.testing.assert_allclose(other({**INPUTS, **rows}), ranker(INPUTS), atol=1e-5)


def test_the_scale_is_that_of_the_features():
    ranker = make()
    ranker.scale.adapt(INPUTS["features"] * 7 + 3)
    scaled = ranker.scale(INPUTS["features"] * 7 + 3).numpy().reshape(-1, FEATURES)
    np.testing.assert_allclose(scaled.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(scaled.std(0), 1, atol=1e-3)


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_training_goes_on_after_the_file(precision, tmp_path):
    """The best candidate is the one whose second feature is largest, which the untrained ranker does not know."""
    features = np.random.default_rng(1).normal(size=(64, 6, FEATURES)).astype(np.float32)
    labels = (features[..., 1] == features[..., 1].max(1, keepdims=True)).astype(np.float32)
    ones = {"candidates": np.ones((64, 6), np.int32), "history": np.ones((64, 2), np.int32)}
    data = ({"features": features, **ones}, labels)
    ranker = make(dtype=precision)
    ranker.compile(optimizer=keras.optimizers.AdamW(0.05), loss=make_loss("listwise"), run_eagerly=True)
    first = [ranker.train_on_batch(*data) for _ in range(3)]
    ranker.save(tmp_path / "ranker.keras")
    again = keras.saving.load_model(tmp_path / "ranker.keras")
    np.testing.assert_allclose(again(INPUTS), ranker(INPUTS), atol=1e-5)
    second = [again.train_on_batch(*data) for _ in range(3)]
    assert second[-1] < first[-1] < first[0]


def test_what_was_learned_of_the_scale_is_in_the_file(tmp_path):
    ranker = make()
    ranker.scale.adapt(INPUTS["features"] * 7 + 3)
    ranker.save(tmp_path / "ranker.keras")
    again = keras.saving.load_model(tmp_path / "ranker.keras")
    np.testing.assert_allclose(again(INPUTS), ranker(INPUTS), atol=1e-5)


def test_a_correction_is_added_in_the_loss_alone(ranker):
    """That of a softmax: the score is what requests are answered with."""
    shift = RNG.normal(size=(3, 6)).astype(np.float32)
    labels, loss = np.eye(6, dtype=np.float32)[:3], make_loss("listwise")
    ranker.compile(loss=loss, optimizer="sgd")
    corrected = {**INPUTS, "correction": shift}
    scores = ranker(INPUTS).numpy()
    np.testing.assert_array_equal(ranker(corrected), scores)
    found = ranker.compute_loss(corrected, labels, scores, training=False)
    np.testing.assert_allclose(found, np.mean(loss(labels, scores + shift)), rtol=1e-5)
