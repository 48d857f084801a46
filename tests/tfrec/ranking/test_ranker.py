"""The ranker: where it starts, what it may not depend on, and that it survives its file."""

import keras
import numpy as np
import pytest

from tests.layer_checks import check_layer, randomize
from tfrec.ranking.losses import make_loss
from tfrec.ranking.ranker import Ranker, TargetAttention

ITEMS, DIM, FEATURES = 9, 4, 5
RNG = np.random.default_rng(0)
INPUTS = {
    "features": RNG.normal(size=(3, 6, FEATURES)).astype(np.float32),
    "candidates": RNG.integers(1, ITEMS, (3, 6)).astype(np.int32),
    "history": np.array([[3, 4, 1, 0], [7, 0, 0, 0], [0, 0, 0, 0]], np.int32),
}


def make(**options) -> Ranker:
    ranker = Ranker(ITEMS, DIM, FEATURES, units=8, dropout=0.0, **options)
    vectors = RNG.normal(size=(ITEMS, DIM))
    vectors[0] = 0
    ranker.vectors.assign(vectors)
    return ranker


@pytest.fixture
def ranker() -> Ranker:
    made = make()
    randomize(made)
    return made


def test_the_model(tmp_path):
    check_layer(make, (INPUTS,), (3, 6), tmp_path, tolerance=1e-4)


def test_the_attention(tmp_path):
    events = RNG.normal(size=(3, 4, DIM)).astype(np.float32)
    candidates = RNG.normal(size=(3, 6, DIM)).astype(np.float32)
    present = INPUTS["history"] > 0
    layer = check_layer(
        lambda **kw: TargetAttention(8, **kw), (candidates, events, present), (3, 6, 8), tmp_path
    )
    query, key, value = (part.kernel.numpy() for part in (layer.query, layer.key, layer.value))
    for line, place in np.ndindex(3, 6):
        own, seen = candidates[line, place], events[line][present[line]]
        logits = (own @ query) @ (seen @ key).T / 8**0.5
        weights = np.exp(logits) / np.exp(logits).sum()
        expected = (weights @ (seen @ value)) * (own @ value) if len(seen) else np.zeros(8)
        np.testing.assert_allclose(layer(candidates, events, present)[line, place], expected, atol=1e-4)


def test_untrained_it_keeps_the_order_of_the_first_feature():
    np.testing.assert_allclose(make()(INPUTS), INPUTS["features"][..., 0], atol=1e-3)


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
    assert not any(weight is ranker.vectors for weight in ranker.trainable_variables)


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
