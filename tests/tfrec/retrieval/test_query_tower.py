"""The user side: no event sees a later one, and padding is nothing."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.layer_checks import check_layer, randomize
from tfrec.retrieval.query_tower import CausalAttention, QueryTower, TransformerBlock

DIM, LENGTH = 8, 6
LAYERS = {
    "attention": lambda **kw: CausalAttention(2, LENGTH, **kw),
    "block": lambda **kw: TransformerBlock(2, LENGTH, **kw),
    "tower": lambda **kw: QueryTower(0, LENGTH, blocks=2, heads=2, **kw),
}


def events(batch: int = 3, length: int = 5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of events and which of them are there: all of the first line, two of the second, ..."""
    x = np.random.default_rng(seed).normal(size=(batch, length, DIM)).astype(np.float32)
    sizes = np.array([length, 2, *[length - 1] * batch][:batch])
    return x, np.arange(length) < sizes[:, None]


@pytest.fixture(scope="module", params=LAYERS)
def layer(request) -> keras.layers.Layer:
    made = LAYERS[request.param]()
    made(*events())
    randomize(made)
    return made


@pytest.mark.parametrize("name", LAYERS)
def test_the_layer(name, tmp_path):
    check_layer(LAYERS[name], events(), (3, 5, DIM), tmp_path)


def test_the_tower_with_users(tmp_path):
    user = np.array([2, 0, 1], np.int32)
    check_layer(lambda **kw: QueryTower(4, LENGTH, blocks=1, **kw), (*events(), user), (3, 5, DIM), tmp_path)


@settings(max_examples=15, deadline=None)
@given(place=st.integers(1, 4), noise=st.integers(0, 2**32 - 1))
def test_a_later_event_changes_no_earlier_output(layer, place, noise):
    x, present = events()
    changed = x.copy()
    changed[:, place:] = np.random.default_rng(noise).normal(scale=3, size=changed[:, place:].shape)
    before, after = layer(x, present).numpy(), layer(changed, present).numpy()
    np.testing.assert_allclose(after[:, :place], before[:, :place], atol=1e-5)
    assert np.abs(after[0, place] - before[0, place]).max() > 1e-4  # and the change is seen where it may be


def test_an_earlier_event_changes_later_outputs(layer):
    x, present = events()
    changed = x.copy()
    changed[0, 0] = np.random.default_rng(9).normal(size=DIM)
    assert (np.abs(layer(changed, present) - layer(x, present)).max(-1)[0] > 1e-5).all()


def test_padding_at_the_right_is_nothing(layer):
    x, present = events()
    wide = np.pad(x, [(0, 0), (0, 4), (0, 0)], constant_values=5.0)
    output = layer(wide, np.pad(present, [(0, 0), (0, 4)])).numpy()[:, :5]
    np.testing.assert_allclose(output[present], layer(x, present).numpy()[present], atol=1e-5)


def test_the_lines_of_a_batch_do_not_meet(layer):
    x, present = events()
    alone = np.concatenate([layer(x[i : i + 1], present[i : i + 1]) for i in range(len(x))])
    np.testing.assert_allclose(layer(x, present), alone, atol=1e-5)


def test_attention_by_hand():
    """One head, no projection: out[t] = Σ_s softmax_s(x_t·x_s / sqrt(dim) + distance[t - s]) x_s over s ≤ t."""
    layer = CausalAttention(1, 2)  # knows distances 0 and 1; a larger one counts as 1
    x, present = events(1, 4)
    layer(x, present)
    layer.qkv.kernel.assign(np.concatenate([np.eye(DIM)] * 3, 1))
    layer.out.kernel.assign(np.eye(DIM))
    layer.distance.assign([[0.5, -0.25]])
    for t in range(4):
        logits = [x[0, t] @ x[0, s] / DIM**0.5 + (0.5 if s == t else -0.25) for s in range(t + 1)]
        weights = np.exp(logits) / np.exp(logits).sum()
        np.testing.assert_allclose(layer(x, present)[0, t], weights @ x[0, : t + 1], atol=1e-5)


def test_heads_must_divide_the_vector_size():
    with pytest.raises(ValueError, match=r"`heads` must divide the vector size 8. Received: heads=3"):
        CausalAttention(3, LENGTH)(*events())


def test_a_user_moves_every_query_by_their_own_vector():
    tower = QueryTower(3, LENGTH, blocks=1)
    x, present = events()
    tower(x, present, tf.constant([0, 1, 2]))
    tower.user_embedding.assign(np.arange(3 * DIM).reshape(3, DIM))
    nobody = tower(x, present, tf.constant([0, 0, 0]))
    moved = tower(x, present, tf.constant([0, 1, 2])) - nobody
    expected = (np.arange(3)[:, None] * DIM * np.ones(DIM))[:, None]  # row u - row 0 = u · dim
    np.testing.assert_allclose(moved, np.broadcast_to(expected, moved.shape), atol=1e-4)
