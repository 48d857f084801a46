"""The history encoders: no event sees a later one, and padding is nothing."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.layer_checks import check_layer, randomize
from tests.tfrec.retrieval.event_vectors import DIM, LENGTH, events
from tfrec.retrieval.history_encoder import LstmEncoder, MeanEncoder, make_encoder
from tfrec.retrieval.transformer import CausalAttention, TransformerBlock, TransformerEncoder

LAYERS = {
    "attention": lambda **kw: CausalAttention(2, LENGTH, **kw),
    "block": lambda **kw: TransformerBlock(2, LENGTH, **kw),
    "transformer": lambda **kw: TransformerEncoder(LENGTH, blocks=2, heads=2, **kw),
    "lstm": lambda **kw: LstmEncoder(blocks=2, **kw),
    "mean": lambda **kw: MeanEncoder(**kw),
}


@pytest.fixture(scope="module", params=LAYERS)
def layer(request) -> keras.layers.Layer:
    made = LAYERS[request.param]()
    made(*events())
    randomize(made)
    return made


@pytest.mark.parametrize("name", LAYERS)
def test_the_layer(name, tmp_path):
    check_layer(LAYERS[name], events(), (3, 5, DIM), tmp_path)


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


def test_a_graph_holds_only_ops_of_a_stock_server_and_none_of_cudnn(layer):
    stock = set((Path(__file__).parents[1] / "tensorflow_2_20_ops.txt").read_text().split())
    graph = tf.function(layer).get_concrete_function(*map(tf.constant, events())).graph.as_graph_def()
    nodes = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
    used = {node.op for node in nodes} - {f.signature.name for f in graph.library.function}
    assert used <= stock
    assert not [op for op in used if "Cudnn" in op]


def test_the_mean_by_hand():
    x, present = events()
    expected = [[x[line, : t + 1].mean(0) for t in range(present[line].sum())] for line in range(len(x))]
    means = MeanEncoder()(x, present).numpy()
    for line, mean in enumerate(expected):
        np.testing.assert_allclose(means[line, : len(mean)], mean, atol=1e-6)


def test_encoders_have_names():
    made = [
        type(make_encoder(name, LENGTH, blocks=1, heads=1, dropout=0.0))
        for name in ("transformer", "lstm", "mean")
    ]
    assert made == [TransformerEncoder, LstmEncoder, MeanEncoder]
    with pytest.raises(ValueError, match=r"'lstm' or 'mean'. Received: 'gru'"):
        make_encoder("gru", LENGTH, blocks=1, heads=1, dropout=0.0)
