"""Features in units of their spread."""

import keras
import numpy as np
import tensorflow as tf

from tests.layer_checks import check_layer
from tfrec.ranking import ranker
from tfrec.ranking.normalization import Normalization
from tfrec.ranking.ranker import Ranker

VALUES = np.random.default_rng(0).normal(3, 2, (2, 3, 4)).astype(np.float32)


def test_a_traced_graph_follows_what_is_learned_later():
    layer = Normalization()
    layer.build((None, None, 2))
    graph = tf.function(layer)
    values = tf.constant([[[1.0, 2.0], [3.0, 10.0]]])
    np.testing.assert_array_equal(graph(values), values)  # nothing is learned yet: mean 0, variance 1
    layer.adapt(values)
    np.testing.assert_allclose(graph(values), [[[-1, -1], [1, 1]]], rtol=1e-6)


def test_it_is_a_layer_as_others_are(tmp_path):
    check_layer(Normalization, (VALUES,), VALUES.shape, tmp_path)


def test_rankers_saved_with_the_layer_of_keras_can_be_read(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(ranker, "Normalization", keras.layers.Normalization)
        old = Ranker(5, 2, 4)
    old.scale.adapt(VALUES)
    old.save_weights(tmp_path / "ranker.weights.h5")
    new = Ranker(5, 2, 4)
    new.load_weights(tmp_path / "ranker.weights.h5")
    np.testing.assert_allclose(new.scale(VALUES), old.scale(VALUES), rtol=1e-6)
