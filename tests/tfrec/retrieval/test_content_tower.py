"""Tables of items or users as vectors: what a vector is made of, and what training drops."""

import numpy as np
import pytest
import tensorflow as tf

from tests.layer_checks import check_layer, randomize
from tfrec.retrieval.content_tower import ContentTower

ROWS, DIM, CONTENT, CATEGORIES = 7, 4, 3, 5
CATEGORY = np.array([[0, 0], [1, 2], [3, 0], [0, 0], [4, 1], [2, 2], [1, 0]], np.int32)


def tower(**options) -> ContentTower:
    layer = ContentTower(
        ROWS, DIM, **{"content_dim": CONTENT, "categories": CATEGORIES, "slots": 2, **options}
    )
    layer.build(None)
    content = np.random.default_rng(1).normal(size=(ROWS, CONTENT))
    layer.set_content(content=content, category=CATEGORY)
    return layer


def by_hand(layer: ContentTower, row: int) -> np.ndarray:
    """id · warm + W · content + the mean of the category embeddings, of one row; zeros for row 0."""
    if row == 0:
        return np.zeros(DIM)
    vector = layer.id_embedding.numpy()[row] * layer.warm.numpy()[row]
    if layer.content_dim:
        vector = vector + layer.content.numpy()[row] @ layer.embed.projection.kernel.numpy()
    ids = [c for c in CATEGORY[row] if c] if layer.categories else []
    if ids:
        vector = vector + layer.embed.category_embedding.numpy()[ids].mean(0)
    return vector


@pytest.mark.parametrize(
    "options", [{}, {"content_dim": 0}, {"categories": 0}, {"content_dim": 0, "categories": 0}], ids=str
)
def test_the_layer(options, tmp_path):
    rows = np.array([3, 0, 6, 1, 1], np.int32)
    layer = check_layer(lambda **kw: tower(**options, **kw), (rows,), (5, DIM), tmp_path)
    np.testing.assert_allclose(layer(rows), [by_hand(layer, row) for row in rows], atol=1e-6)


def test_a_cold_item_has_its_content_only():
    layer = tower()
    layer.warm.assign([1, 1, 0, 1, 1, 1, 1])
    described = layer.describe(layer.content[2:3], layer.category[2:3])
    np.testing.assert_allclose(layer(tf.constant([2])), described, atol=1e-6)
    assert (
        np.abs(layer(tf.constant([1])) - layer.describe(layer.content[1:2], layer.category[1:2])).max() > 1e-3
    )


def test_training_drops_ids_as_often_as_it_says_and_nothing_else():
    layer = tower(id_dropout=0.25)
    randomize(layer)
    layer.warm.assign(np.ones(ROWS))
    rows = tf.fill([4000], 1)
    trained = layer(rows, training=True).numpy()
    with_id, without_id = by_hand(layer, 1), by_hand(layer, 1) - layer.id_embedding.numpy()[1]
    dropped = np.isclose(trained, without_id, atol=1e-6).all(1)
    kept = np.isclose(trained, with_id, atol=1e-6).all(1)
    assert (dropped | kept).all()
    assert abs(dropped.mean() - 0.25) < 0.04  # 5 standard deviations: 5 sqrt(.25 · .75 / 4000) = .034


def test_without_training_nothing_is_dropped():
    layer = tower(id_dropout=1.0)
    rows = tf.range(ROWS)
    np.testing.assert_array_equal(layer(rows), layer(rows, training=False))
    assert np.abs(layer(rows, training=True) - layer(rows)).max() > 0


def test_an_item_from_elsewhere_is_combined_as_a_stored_one():
    layer = tower()
    rows = tf.constant([5, 2])
    content, category = tf.gather(layer.content.value, rows), tf.gather(layer.category.value, rows)
    np.testing.assert_allclose(layer.combine(rows, content, category), layer(rows), atol=1e-6)
    wide = tf.pad(category, [[0, 0], [0, 3]])  # more room for categories changes nothing
    np.testing.assert_allclose(layer.combine(rows, content, wide), layer(rows), atol=1e-6)


def test_a_row_is_described_where_anything_is_known_of_it():
    layer = tower()
    content, category = np.zeros((ROWS, CONTENT)), np.zeros((ROWS, 2), np.int32)
    content[2, 1], category[4, 0] = -0.5, 3
    layer.set_content(content=content, category=category)
    assert layer.is_described(tf.range(ROWS)).numpy().tolist() == [row in (2, 4) for row in range(ROWS)]


def test_a_tower_without_ids_places_rows_by_content_alone(tmp_path):
    rows = np.array([3, 0, 6], np.int32)
    layer = check_layer(lambda **kw: tower(ids=False, **kw), (rows,), (3, DIM), tmp_path)
    layer.set_warm(np.zeros(ROWS))  # of no consequence
    expected = layer.describe(layer.content.numpy()[rows], layer.category.numpy()[rows]) * (rows > 0)[:, None]
    np.testing.assert_allclose(layer(rows), expected, atol=1e-6)
    with pytest.raises(ValueError, match="needs `ids`, `content_dim` or `categories`"):
        tower(ids=False, content_dim=0, categories=0)
