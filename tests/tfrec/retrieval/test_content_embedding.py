"""What is known → a vector: by hand, and that what is missing adds nothing."""

import numpy as np
import pytest

from tests.layer_checks import check_layer, randomize
from tfrec.retrieval.content_embedding import ContentEmbedding

DIM = 4
CONTENT = np.random.default_rng(0).normal(size=(5, 2, 3)).astype(np.float32)
CATEGORY = np.random.default_rng(1).integers(0, 4, (5, 2, 2)).astype(np.int32)


@pytest.mark.parametrize("sizes", [(3, 4), (3, 0), (0, 4)], ids=str)
def test_the_layer(sizes, tmp_path):
    layer = check_layer(
        lambda **kw: ContentEmbedding(DIM, content_dim=sizes[0], categories=sizes[1], **kw),
        (CONTENT, CATEGORY),
        (5, 2, DIM),
        tmp_path,
    )
    expected = np.zeros((5, 2, DIM))
    if sizes[0]:
        expected += CONTENT @ layer.projection.kernel.numpy()
    if sizes[1]:
        for place in np.ndindex(5, 2):
            ids = CATEGORY[place][CATEGORY[place] > 0]
            expected[place] += layer.category_embedding.numpy()[ids].mean(0) if len(ids) else 0
    np.testing.assert_allclose(layer(CONTENT, CATEGORY), expected, atol=1e-5)


def test_what_is_missing_adds_nothing():
    layer = ContentEmbedding(DIM, content_dim=3, categories=4)
    layer(CONTENT, CATEGORY)
    randomize(layer)
    np.testing.assert_array_equal(layer(np.zeros((1, 3)), np.zeros((1, 2), np.int32)), np.zeros((1, DIM)))
