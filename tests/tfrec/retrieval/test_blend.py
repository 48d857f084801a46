"""The blended experts, against plain loops over the formula of their docstring."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfrec.retrieval.blend import DECAY, NEAREST, Blend, recency

ITEMS, DIM, WIDTH, NEAR = 30, 4, 6, 3
GAINS, COLD_GAINS = [0.5, 2.0, 3.0], [0.25, 4.0, -1.0]
HISTORY = np.array([[3, 7, 3, 0], [5, 0, 0, 0], [0, 0, 0, 0]], np.int32)
COLD = [4, 9]


@pytest.fixture
def blend():
    rng = np.random.default_rng(0)
    blend = Blend(ITEMS, width=WIDTH, content_dim=WIDTH, lexical_dim=2, neighbours=NEAR)
    vectors = rng.normal(size=(ITEMS, WIDTH + 2)).astype(np.float32)
    vectors[0] = 0
    blend.learn_content(vectors[:, :WIDTH], vectors[:, WIDTH:])
    blend.set_neighbours(rng.integers(1, ITEMS, (ITEMS, NEAR)), rng.random((ITEMS, NEAR)))
    blend.set_gains(GAINS, COLD_GAINS)
    return blend


@pytest.fixture
def towers():
    rng = np.random.default_rng(1)
    queries, candidates = (rng.normal(size=(n, DIM)).astype(np.float32) for n in (len(HISTORY), ITEMS))
    warm = np.ones(ITEMS, np.float32)
    warm[[0, *COLD]] = 0
    return queries, candidates, warm


def by_hand(blend, queries, candidates, warm):
    """The score of every row for every history, event by event."""
    content, near, cosine = blend.content.numpy(), blend.neighbour.numpy(), blend.cosine.numpy()
    scores = np.zeros((len(HISTORY), ITEMS))
    for line, history in enumerate(HISTORY):
        events = [row for row in history if row]
        weights = [DECAY ** (len(events) - 1 - j) for j in range(len(events))]
        for item in range(ITEMS):
            alike = sum(w * content[h] @ content[item] for w, h in zip(weights, events, strict=True))
            alike /= max(sum(weights), 1e-6)
            together = sum(
                w * cosine[h, n]
                for w, h in zip(weights, events, strict=True)
                for n in range(NEAR)
                if near[h, n] == item
            )
            if warm[item]:
                scores[line, item] = GAINS[0] * queries[line] @ candidates[item] + GAINS[1] * alike
            else:
                inherited = by_likeness(content, candidates, warm, item)
                scores[line, item] = (
                    COLD_GAINS[0] * queries[line] @ inherited + COLD_GAINS[1] * alike + COLD_GAINS[2]
                )
            scores[line, item] += GAINS[2] * together
    return scores


def by_likeness(content, candidates, warm, item):
    """The mean of the warm items nearest by content, weighted by squared likeness; `item` itself does not count."""
    others = [row for row in np.flatnonzero(warm) if row != item]
    likeness = np.array([content[row] @ content[item] for row in others])
    nearest = np.argsort(-likeness)[:NEAREST]
    weight = np.maximum(likeness[nearest], 0) ** 2
    return weight @ candidates[np.array(others)[nearest]] / max(weight.sum(), 1e-9)


def test_scores_are_those_of_the_formula(blend, towers):
    queries, candidates, warm = towers
    joint = tf.matmul(blend.queries(queries, HISTORY), blend.candidates(candidates, warm), transpose_b=True)
    scores = blend.with_co_occurrence(joint, HISTORY)
    np.testing.assert_allclose(scores[:, 1:], by_hand(blend, *towers)[:, 1:], rtol=1e-4, atol=1e-4)


def test_untouched_it_gives_what_the_towers_say(towers):
    queries, candidates, warm = towers
    blend = Blend(ITEMS)
    joint = tf.matmul(blend.queries(queries, HISTORY), blend.candidates(candidates, warm), transpose_b=True)
    np.testing.assert_allclose(blend.with_co_occurrence(joint, HISTORY), queries @ candidates.T, atol=1e-5)


def test_a_warm_item_is_not_its_own_example(blend, towers):
    _, candidates, warm = towers
    moved = candidates.copy()
    moved[7] += 100
    rows = tf.constant([7])
    np.testing.assert_array_equal(blend.inherited(candidates, warm, rows), blend.inherited(moved, warm, rows))


def test_recency_counts_later_events():
    np.testing.assert_allclose(recency(HISTORY)[0], [DECAY**2, DECAY, 1, 0], rtol=1e-6)


def test_a_reload_keeps_tables_and_gains(blend, towers, tmp_path):
    model = keras.Sequential([keras.layers.Dense(1)])
    model.build((None, 1))
    model.blend = blend
    model.save_weights(tmp_path / "kept.weights.h5")
    model.blend = other = Blend.from_config(blend.get_config())
    model.load_weights(tmp_path / "kept.weights.h5")
    _, candidates, warm = towers
    np.testing.assert_array_equal(other.candidates(candidates, warm), blend.candidates(candidates, warm))
    np.testing.assert_array_equal(other.co_occurrence(HISTORY), blend.co_occurrence(HISTORY))
    np.testing.assert_array_equal(other.projection, blend.projection)
