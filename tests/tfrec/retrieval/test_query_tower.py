"""The user side as a whole."""

import numpy as np
import pytest
import tensorflow as tf

from tests.layer_checks import check_layer
from tests.tfrec.retrieval.event_vectors import DIM, LENGTH, events
from tfrec.retrieval.query_tower import QueryTower


@pytest.mark.parametrize("encoder", ["transformer", "lstm", "mean"])
def test_the_tower(encoder, tmp_path):
    check_layer(
        lambda **kw: QueryTower(0, LENGTH, encoder=encoder, blocks=1, **kw), events(), (3, 5, DIM), tmp_path
    )


def test_the_tower_with_users(tmp_path):
    user = np.array([2, 0, 1], np.int32)
    check_layer(lambda **kw: QueryTower(4, LENGTH, blocks=1, **kw), (*events(), user), (3, 5, DIM), tmp_path)


def test_a_user_moves_every_query_by_their_own_vector():
    tower = QueryTower(3, LENGTH, blocks=1)
    x, present = events()
    tower(x, present, tf.constant([0, 1, 2]))
    tower.user_embedding.assign(np.arange(3 * DIM).reshape(3, DIM))
    nobody = tower(x, present, tf.constant([0, 0, 0]))
    moved = tower(x, present, tf.constant([0, 1, 2])) - nobody
    expected = (np.arange(3)[:, None] * DIM * np.ones(DIM))[:, None]  # row u - row 0 = u · dim
    np.testing.assert_allclose(moved, np.broadcast_to(expected, moved.shape), atol=1e-4)
