"""The two-tower model: what it scores, what its loss pulls at, and that it survives its file."""

from collections.abc import Iterator

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.layer_checks import check_layer, randomize
from tfrec.retrieval.candidate_tower import CandidateTower
from tfrec.retrieval.content_tower import ContentTower
from tfrec.retrieval.query_tower import QueryTower
from tfrec.retrieval.two_tower import TwoTower

ITEMS, DIM, LENGTH, USERS = 31, 8, 5, 4
HISTORY = np.array([[3, 1, 30, 0, 0], [5, 0, 0, 0, 0], [2, 4, 6, 8, 10], [0, 0, 0, 0, 0]], np.int32)
FOLLOWING = np.array([[1, 30, 7, 0, 0], [9, 0, 0, 0, 0], [4, 6, 8, 10, 2], [0, 0, 0, 0, 0]], np.int32)
USER = np.array([1, 0, 3, 2], np.int32)
INPUTS = {"history": HISTORY, "user": USER}


def two_tower(*, users: int = USERS, temperature: float = 1.0, negatives: int = 1000, **options) -> TwoTower:
    """A model with a content part, without any randomness in training but that of the sampling."""
    candidate = CandidateTower(ITEMS, DIM, content_dim=3, categories=4, slots=2, id_dropout=0.0, **options)
    user = ContentTower(users, DIM, id_dropout=0.0, **options) if users else None
    query = QueryTower(LENGTH, blocks=1, dropout=0.0, user=user, side_dropout=0.0, **options)
    model = TwoTower(candidate, query, temperature=temperature, negatives=negatives, **options)
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 50, ITEMS)
    counts[0] = counts[20] = 0
    model.set_items(counts, rng.normal(size=(ITEMS, 3)), rng.integers(0, 4, (ITEMS, 2)))
    return model


@pytest.fixture
def model() -> TwoTower:
    keras.utils.set_random_seed(0)
    made = two_tower()
    randomize(made.candidate)
    made.set_counts(np.r_[0, np.ones(19), 0, np.full(ITEMS - 21, 3)])
    return made


def test_the_model(tmp_path):
    check_layer(two_tower, (INPUTS,), (4, LENGTH, DIM), tmp_path)


def test_the_model_without_users(tmp_path):
    check_layer(lambda **kw: two_tower(users=0, **kw), ({"history": HISTORY},), (4, LENGTH, DIM), tmp_path)


def test_the_query_is_the_vector_after_the_last_event(model):
    every = model(INPUTS).numpy()
    expected = np.stack([every[0, 2], every[1, 0], every[2, 4], every[3, 0]])
    np.testing.assert_allclose(model.query_vectors(HISTORY, USER), expected, atol=1e-6)


def test_a_later_event_changes_no_earlier_query(model):
    for place in range(1, LENGTH):
        changed = HISTORY.copy()
        changed[2, place:] = 11 + np.arange(LENGTH - place)
        before, after = (model({"history": h, "user": USER}).numpy()[2] for h in (HISTORY, changed))
        np.testing.assert_allclose(after[:place], before[:place], atol=1e-5)
        assert np.abs(after[place] - before[place]).max() > 1e-4


def test_item_vectors_do_not_depend_on_the_block(model):
    np.testing.assert_allclose(model.item_vectors(block=7), model.item_vectors(), atol=1e-6)
    assert model.item_vectors().shape == (ITEMS, DIM)


def test_set_counts_makes_shares_and_says_who_is_warm(model):
    counts = np.zeros(ITEMS, int)
    counts[[2, 5]] = 3, 1
    model.set_counts(counts)
    np.testing.assert_allclose(model.frequency, counts / 4)
    np.testing.assert_array_equal(model.candidate.warm, counts > 0)


def full_softmax(model: TwoTower, queries: tf.Tensor, positives: tf.Tensor) -> tf.Tensor:
    """The mean of -log p(positive) over all warm items, by TensorFlow's own cross entropy."""
    warm = np.flatnonzero(model.candidate.warm.numpy())
    logits = tf.matmul(queries, model.candidate(tf.constant(warm)), transpose_b=True) / model.temperature
    labels = np.searchsorted(warm, positives)
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))


def gradients(model: TwoTower, loss, queries: tf.Tensor) -> Iterator[np.ndarray]:
    """Of the queries and of every weight of the item side."""
    weights = [weight.value for weight in model.candidate.trainable_variables]
    with tf.GradientTape() as tape:
        tape.watch(queries)
        value = loss()
    for gradient in tape.gradient(value, [queries, *weights]):
        yield tf.convert_to_tensor(gradient).numpy()


@pytest.mark.parametrize("temperature", [1.0, 0.3])
def test_with_the_whole_catalogue_the_gradient_is_that_of_the_full_softmax(model, temperature):
    exact = two_tower(temperature=temperature, negatives=ITEMS)
    exact.set_weights(model.get_weights())
    queries = tf.random.stateless_normal([6, 1, DIM], [0, 1])
    positives = np.array([3, 3, 3, 7, 30, 19], np.int32)  # one item thrice: it is no three items
    ours = gradients(exact, lambda: exact.compute_loss(y=positives[:, None], y_pred=queries), queries)
    plain = gradients(exact, lambda: full_softmax(exact, queries[:, 0], positives), queries)
    for one, other in zip(ours, plain, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert len(exact.candidate.trainable_variables) == 3


def mean_gradient(model: TwoTower, table: tf.Tensor, frequency: np.ndarray, draws: int) -> np.ndarray:
    """The mean gradient of the item embeddings over many steps, each with positives drawn by `frequency`."""
    ids = model.candidate.id_embedding.value

    @tf.function
    def step(positives):
        with tf.GradientTape() as tape:
            loss = model.compute_loss(y=positives[:, None], y_pred=tf.gather(table, positives)[:, None])
        return tf.convert_to_tensor(tape.gradient(loss, ids))

    rng = np.random.default_rng(1)
    total = sum(step(rng.choice(ITEMS, 24, p=frequency).astype(np.int32)).numpy() for _ in range(draws))
    return total / draws


def test_the_sampled_gradient_estimates_that_of_the_full_softmax(model):
    """With logQ; without it (every item as likely as any other) the estimate is several times as far off."""
    counts = (
        model.frequency.numpy() * (np.arange(ITEMS) % 5 == 0) * 20 + model.frequency.numpy()
    )  # a few are popular
    counts = np.round(counts / counts.max() * 100)
    table = tf.random.stateless_normal([ITEMS, DIM], [0, 2])
    frequency = counts / counts.sum()

    warm = np.flatnonzero(counts)
    logits = tf.matmul(table, model.candidate(tf.constant(warm)), transpose_b=True).numpy()[warm]
    probability = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = np.zeros((ITEMS, DIM))  # of item j: Σ_i f_i (p_ij - [i = j]) q_i
    expected[warm] = (frequency[warm, None] * (probability - np.eye(len(warm)))).T @ table.numpy()[warm]

    def error(estimate: np.ndarray) -> float:
        return float(np.linalg.norm(estimate - expected) / np.linalg.norm(expected))

    sampled = two_tower(negatives=len(warm) - 1)
    sampled.set_weights(model.get_weights())
    sampled.set_counts(counts)
    corrected = error(mean_gradient(sampled, table, frequency, 300))
    sampled.frequency.assign((counts > 0) / len(warm))
    uncorrected = error(mean_gradient(sampled, table, frequency, 300))
    assert corrected < 0.15
    assert uncorrected > 2 * corrected


def test_the_loss_is_a_mean_over_the_events_that_have_a_next_one(model):
    queries = model(INPUTS)
    whole = model.compute_loss(y=FOLLOWING, y_pred=queries)
    places = np.argwhere(FOLLOWING)
    rows, vectors = FOLLOWING[FOLLOWING > 0], np.stack([queries[i, j] for i, j in places])
    np.testing.assert_allclose(whole, model.compute_loss(y=rows[:, None], y_pred=vectors[:, None]), rtol=1e-5)
    assert np.isfinite(model.compute_loss(y=np.zeros_like(FOLLOWING), y_pred=queries))


def test_a_weight_tells_how_much_an_event_counts(model):
    queries, events = model(INPUTS), np.count_nonzero(FOLLOWING)
    weight = np.zeros(FOLLOWING.shape, np.float32)
    weight[0, 1], weight[2, 4] = 2.0, 0.5
    one, other = (
        model.compute_loss(y=FOLLOWING[i, j].reshape(1, 1), y_pred=queries[i : i + 1, j : j + 1])
        for i, j in ((0, 1), (2, 4))
    )
    weighed = model.compute_loss(y=FOLLOWING, y_pred=queries, sample_weight=weight)
    np.testing.assert_allclose(weighed, (2.0 * one + 0.5 * other) / events, rtol=1e-5)


@pytest.mark.parametrize("negatives", [1000, 10], ids=["exact", "sampled"])
def test_the_weights_of_histories_add_up(negatives):
    model = two_tower(negatives=negatives)
    queries, state = model(INPUTS), model.seed_generator.state.numpy()

    def loss(weight: np.ndarray | None) -> float:
        model.seed_generator.state.assign(state)  # the same negatives each time
        return float(model.compute_loss(y=FOLLOWING, y_pred=queries, sample_weight=weight))

    assert sum(loss(line) for line in np.eye(4)) == pytest.approx(loss(None), rel=1e-5)
    assert loss(np.eye(4)[1]) > 0 == loss(np.eye(4)[3])  # whose history has no event


def test_cold_items_are_no_negatives(model):
    """Row 20 has no interaction: pulling it somewhere changes no loss."""
    queries, positives = tf.random.stateless_normal([3, 1, DIM], [0, 1]), np.array([[3], [7], [1]], np.int32)
    before = model.compute_loss(y=positives, y_pred=queries)
    content = model.candidate.content.numpy()
    content[20] += 100
    model.candidate.content.assign(content)
    np.testing.assert_allclose(model.compute_loss(y=positives, y_pred=queries), before)


def fit(model: TwoTower, epochs: int) -> list[float]:
    data = tf.data.Dataset.from_tensors((INPUTS, FOLLOWING))
    return model.fit(data.repeat(3), epochs=epochs, verbose=0).history["loss"]


def compiled(**options) -> TwoTower:
    """Trained eagerly: a step is slower, but nothing is traced first."""
    model = two_tower(**options)
    model.compile(optimizer=keras.optimizers.AdamW(0.01), jit_compile=False, run_eagerly=True)
    return model


def test_training_goes_on_after_the_file(tmp_path):
    model = compiled(negatives=10)
    first = fit(model, epochs=2)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    vectors = model.item_vectors().numpy()
    np.testing.assert_allclose(again.item_vectors(), vectors, atol=1e-6)
    np.testing.assert_allclose(
        again.query_vectors(HISTORY, USER), model.query_vectors(HISTORY, USER), atol=1e-6
    )
    assert (again.temperature, again.negatives) == (model.temperature, 10)
    second = fit(again, epochs=2)
    assert second[-1] < first[0]
    assert np.abs(again.item_vectors() - vectors).max() > 1e-4


@pytest.mark.parametrize("negatives", [1000, 10], ids=["exact", "sampled"])
def test_training_in_mixed_precision(negatives):
    model = compiled(negatives=negatives, dtype="mixed_float16")
    losses = fit(model, epochs=2)
    assert losses[-1] < losses[0]
    assert {weight.dtype for weight in model.trainable_variables} == {"float32"}
