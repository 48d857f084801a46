"""Attention by hand; that it never looks ahead is asked of all encoders alike in test_history_encoder.py."""

import numpy as np
import pytest

from tests.tfrec.retrieval.event_vectors import DIM, LENGTH, events
from tfrec.retrieval.transformer import CausalAttention


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
