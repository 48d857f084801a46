"""The content space: whitening that shrinks with little evidence."""

import numpy as np

from tfrec.retrieval.content_space import ContentSpace


def blurred(n, width, seed=0):
    """Vectors with one strong common direction, as sentence vectors have."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=width)
    return rng.normal(size=(n, width)) + rng.normal(size=(n, 1)) * 10 * common + 3 * common


def test_many_vectors_are_whitened_and_of_unit_length():
    vectors = blurred(20000, 4)
    space = ContentSpace.learn(vectors, 4)
    projected = (vectors - space.mean) @ space.projection
    np.testing.assert_allclose(np.cov(projected, rowvar=False), np.eye(4), atol=0.02)
    np.testing.assert_allclose(np.linalg.norm(space(vectors), axis=1), 1, rtol=1e-5)


def test_with_fewer_vectors_than_dimensions_they_are_only_centred():
    vectors = blurred(3, 8)
    centred = vectors - vectors.mean(0)
    unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    placed = ContentSpace.learn(vectors, 8)(vectors)
    np.testing.assert_allclose(placed @ placed.T, unit @ unit.T, atol=1e-5)


def test_fewer_dimensions_keep_the_largest_variances():
    vectors = np.random.default_rng(0).normal(size=(5000, 3)) * [1.0, 5.0, 3.0]
    projection = ContentSpace.learn(vectors, 2).projection
    assert projection.shape == (3, 2)
    np.testing.assert_allclose(np.abs(projection[0]), 0, atol=0.02)


def test_an_item_without_content_stands_nowhere():
    vectors = blurred(50, 4)
    placed = ContentSpace.learn(vectors, 4)(np.concatenate([np.zeros((1, 4)), vectors]))
    np.testing.assert_array_equal(placed[0], 0)
