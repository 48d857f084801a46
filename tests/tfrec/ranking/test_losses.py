from math import exp, log, log2
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfrec.ranking.losses import LOSSES, ApproxNDCGLoss, ListMLELoss, make_loss

NAMES = sorted(set(LOSSES) - {"pairwise", "listwise"})  # without the aliases


def value(name: str, labels: list, scores: list) -> np.ndarray:
    """Losses `[batch]`."""
    loss = make_loss(name)
    loss.reduction = "none"
    return np.asarray(loss(np.array(labels, np.float32), np.array(scores, np.float32)))


def gradient(name: str, labels: list, scores: list) -> np.ndarray:
    variable = tf.Variable(scores, dtype=tf.float32)
    with tf.GradientTape() as tape:
        result = make_loss(name)(tf.constant(labels, tf.float32), variable)
    return tape.gradient(result, variable).numpy()


def sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x))


def soft_rank(scores: list[float], i: int, temperature: float) -> float:
    others = [s for j, s in enumerate(scores) if j != i]
    return 1 + sum(sigmoid((s - scores[i]) / temperature) for s in others)


LABELS, SCORES = [1.0, 0.0, 0.0], [0.5, -1.0, 2.0]
EXPECTED = {
    "pointwise": -(log(sigmoid(0.5)) + log(1 - sigmoid(-1.0)) + log(1 - sigmoid(2.0))) / 3,
    "pointwise_squared": ((1 - 0.5) ** 2 + (0 + 1.0) ** 2 + (0 - 2.0) ** 2) / 3,
    "pairwise_hinge": (max(0, 1 - (0.5 + 1.0)) + max(0, 1 - (0.5 - 2.0))) / 2,
    "pairwise_squared": ((1 - (0.5 + 1.0)) ** 2 + (1 - (0.5 - 2.0)) ** 2) / 2,
    "pairwise_logistic": (log(1 + exp(-(0.5 + 1.0))) + log(1 + exp(-(0.5 - 2.0)))) / 2,
    "listwise_softmax": -log(exp(0.5) / (exp(0.5) + exp(-1.0) + exp(2.0))),
    "approx_ndcg": 1 - 1 / log2(1 + soft_rank(SCORES, 0, 0.1)),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_value_of_one_relevant_item(name: str):
    np.testing.assert_allclose(value(name, [LABELS], [SCORES]), [EXPECTED[name]], rtol=1e-5)


GRADED = [2.0, 0.0, 1.0]
# The pairs (i over j) are 0 over 1, 0 over 2 and 2 over 1, with the score differences 1.5, −1.5 and 3.
EXPECTED_GRADED = {
    "pointwise_squared": ((2 - 0.5) ** 2 + (0 + 1.0) ** 2 + (1 - 2.0) ** 2) / 3,
    "pairwise_hinge": (max(0, 1 - 1.5) + max(0, 1 + 1.5) + max(0, 1 - 3)) / 3,
    "pairwise_squared": ((1 - 1.5) ** 2 + (1 + 1.5) ** 2 + (1 - 3) ** 2) / 3,
    "pairwise_logistic": (log(1 + exp(-1.5)) + log(1 + exp(1.5)) + log(1 + exp(-3))) / 3,
    "listwise_softmax": -(2 * 0.5 + 1 * 2.0) / 3 + log(exp(0.5) + exp(-1.0) + exp(2.0)),
    "list_mle": (log(exp(0.5) + exp(2.0) + exp(-1.0)) - 0.5) + (log(exp(2.0) + exp(-1.0)) - 2.0),
    "approx_ndcg": 1
    - (3 / log2(1 + soft_rank(SCORES, 0, 0.1)) + 1 / log2(1 + soft_rank(SCORES, 2, 0.1)))
    / (3 / log2(2) + 1 / log2(3)),
}


@pytest.mark.parametrize("name", EXPECTED_GRADED)
def test_value_of_graded_labels(name: str):
    np.testing.assert_allclose(value(name, [GRADED], [SCORES]), [EXPECTED_GRADED[name]], rtol=1e-5)


@pytest.mark.parametrize("name", ["pointwise", "pointwise_squared", "listwise", "approx_ndcg"])
def test_smoothed_labels_are_labels_nearer_to_their_mean(name: str):
    """ε = .3 of (1, 0, masked, 0): the relevant one keeps .7 + .1 of 1, the others get .1."""
    loss = make_loss(name, label_smoothing=0.3)
    found = loss(np.array([[1.0, 0.0, -1.0, 0.0]]), np.array([[0.5, -1.0, 9.0, 2.0]]))
    assert float(found) == pytest.approx(value(name, [[0.8, 0.1, 0.1]], [[0.5, -1.0, 2.0]])[0], rel=1e-5)


def test_smoothing_is_refused_where_no_label_would_be_left():
    with pytest.raises(ValueError, match=r"`label_smoothing` must lie in \[0, 1\)\. Received: 1"):
        make_loss("listwise", label_smoothing=1)


def test_aliases():
    for alias, name in {"pairwise": "pairwise_logistic", "listwise": "listwise_softmax"}.items():
        assert type(make_loss(alias)) is type(make_loss(name))


def test_unknown_name_is_refused():
    with pytest.raises(ValueError, match=r"`name` must be one of pointwise.*Received: 'triplewise'"):
        make_loss("triplewise")


@pytest.mark.parametrize("name", NAMES)
def test_a_label_below_zero_masks_its_place(name: str):
    masked = value(name, [[2, -1, 0, 1, -1]], [[0.5, 99.0, -1.0, 2.0, -99.0]])
    np.testing.assert_allclose(masked, value(name, [[2, 0, 1]], [[0.5, -1.0, 2.0]]), rtol=1e-5)
    slope = gradient(name, [[2, -1, 0, 1, -1]], [[0.5, 99.0, -1.0, 2.0, -99.0]])[0]
    assert slope[1] == slope[4] == 0.0
    assert np.any(slope != 0.0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("labels", [[-1, -1, -1], [0, -1, -1]], ids=["all masked", "one item"])
def test_a_list_that_teaches_no_order_gives_nothing(name: str, labels: list[float]):
    if name.startswith("pointwise") and 0 in labels:
        pytest.skip("one item alone has a pointwise loss")
    assert value(name, [labels], [[0.3, 5.0, -1.0]]) == pytest.approx([0.0], abs=1e-6)
    np.testing.assert_allclose(gradient(name, [labels], [[0.3, 5.0, -1.0]]), np.zeros((1, 3)), atol=1e-6)


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"pointwise", "pointwise_squared", "list_mle"}))
def test_a_list_without_a_relevant_item_gives_nothing(name: str):
    assert value(name, [[0, 0, 0]], [[0.3, 5.0, -1.0]]) == pytest.approx([0.0])
    np.testing.assert_array_equal(gradient(name, [[0, 0, 0]], [[0.3, 5.0, -1.0]]), np.zeros((1, 3)))


@pytest.mark.parametrize("name", ["pairwise_hinge", "pairwise_logistic", "pairwise_squared"])
def test_pairs_of_equal_labels_give_nothing(name: str):
    assert value(name, [[1, 1]], [[0.0, 7.0]]) == pytest.approx([0.0])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scores", [[0.0, 0.0, 0.0], [80.0, -80.0, 0.0]], ids=["equal", "far apart"])
def test_gradient_is_finite_and_lifts_the_relevant_item(name: str, scores: list[float]):
    slope = gradient(name, [[0, 1, 0]], [scores])[0]
    assert np.isfinite(slope).all()
    if scores == [0.0, 0.0, 0.0]:
        assert slope[1] < 0.0


@pytest.mark.parametrize("name", NAMES)
def test_a_list_does_not_depend_on_its_company(name: str):
    labels, scores = [[2, 0, 1, -1], [0, 1, -1, -1]], [[0.5, -1, 2, 3], [1, 0.5, 0, 0]]
    together = value(name, labels, scores)
    alone = np.concatenate([value(name, [row], [score]) for row, score in zip(labels, scores, strict=True)])
    np.testing.assert_allclose(together, alone, rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_weights_weigh_lists(name: str):
    labels, scores = (
        np.array([[2, 0, 1], [0, 1, -1]], np.float32),
        np.array([[0.5, -1, 2], [1, 0.5, 0]], np.float32),
    )
    first, second = value(name, labels.tolist(), scores.tolist())
    weighted = make_loss(name)(labels, scores, sample_weight=np.array([3.0, 0.5]))
    assert float(weighted) == pytest.approx((3.0 * first + 0.5 * second) / 2, rel=1e-5)


def test_list_mle_puts_ties_in_no_order():
    """Two equal labels: each of the two orders has probability 1/2, so the mean loss is the mean of both."""
    loss = ListMLELoss(seed=3)
    draws = {round(float(loss(np.array([[1.0, 1.0]]), np.array([[0.0, 2.0]]))), 4) for _ in range(20)}
    assert draws == {round(log(exp(0) + exp(2)) - s, 4) for s in (0, 2)}


def test_approx_ndcg_nears_ndcg_as_the_temperature_falls():
    scores, labels = np.array([[0.1, 0.4, 0.3, 0.2]]), np.array([[3.0, 0.0, 2.0, 1.0]])
    dcg = (2**2 - 1) / log2(3) + (2**1 - 1) / log2(4) + (2**3 - 1) / log2(5)
    best = (2**3 - 1) / log2(2) + (2**2 - 1) / log2(3) + (2**1 - 1) / log2(4)
    assert float(ApproxNDCGLoss(temperature=1e-3)(labels, scores)) == pytest.approx(1 - dcg / best, rel=1e-5)


def test_approx_ndcg_refuses_a_temperature_of_zero():
    with pytest.raises(ValueError, match=r"`temperature` must be positive\. Received: 0"):
        ApproxNDCGLoss(temperature=0)


@pytest.mark.parametrize("name", NAMES)
def test_config_round_trip(name: str):
    loss = make_loss(name, label_smoothing=0.1)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config()


@pytest.mark.parametrize("name", NAMES)
def test_a_model_learns_with_it_and_reloads(name: str, tmp_path: Path):
    """One feature of three says which item is relevant; after training the relevant items are on top."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(256, 5, 3)).astype(np.float32)
    labels = (features[..., 0] == features[..., 0].max(axis=1, keepdims=True)).astype(np.float32)
    labels[:128, 4] = -1.0
    labels[:128][labels[:128].max(axis=1) < 1] = -1.0
    keras.utils.set_random_seed(0)
    scorer = keras.layers.Dense(1, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((5, 3)), scorer, keras.layers.Reshape((5,))])
    model.compile(keras.optimizers.Adam(0.1), loss=make_loss(name))
    history = model.fit(features, labels, epochs=8, batch_size=64, verbose=0).history["loss"]
    assert history[-1] < history[0]
    predicted = np.where(labels < 0, -np.inf, model(features)).argmax(axis=1)
    taught = labels.max(axis=1) == 1
    assert np.mean(predicted[taught] == labels.argmax(axis=1)[taught]) > 0.9
    model.save(tmp_path / "ranker.keras")
    again = keras.saving.load_model(tmp_path / "ranker.keras")
    assert type(again.loss) is type(model.loss)
    np.testing.assert_allclose(again(features), model(features), rtol=1e-5)
