"""How a candidate meets the history, against numpy."""

import keras
import numpy as np

from tests.layer_checks import check_layer
from tfrec.ranking.meeting import LstmMeeting, TargetAttention

DIM = 4
RNG = np.random.default_rng(0)
PRESENT = np.array([[1, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]], bool)
EVENTS = RNG.normal(size=(3, 4, DIM)).astype(np.float32)
CANDIDATES = RNG.normal(size=(3, 6, DIM)).astype(np.float32)


def test_the_attention(tmp_path):
    events, candidates, present = EVENTS, CANDIDATES, PRESENT
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


def test_the_lstm(tmp_path):
    """Its state after the events that there are, as a Keras LSTM over these alone gives it."""
    layer = check_layer(lambda **kw: LstmMeeting(8, **kw), (CANDIDATES, EVENTS, PRESENT), (3, 6, 8), tmp_path)
    alone, value = keras.layers.LSTM(8), layer.value.kernel.numpy()
    alone.build((None, None, DIM))
    alone.set_weights(layer.lstm.get_weights())
    found = layer(CANDIDATES, EVENTS, PRESENT).numpy()
    for line, count in enumerate(PRESENT.sum(1)):
        state = alone(EVENTS[line : line + 1, :count]).numpy() if count else np.zeros((1, 8))
        np.testing.assert_allclose(found[line], state * (CANDIDATES[line] @ value), atol=1e-5)
