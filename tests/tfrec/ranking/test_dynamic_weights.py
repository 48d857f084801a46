"""Dynamic weights against their formulas, and that they follow the history."""

import numpy as np
import pytest

from tests.layer_checks import check_layer, randomize
from tfrec.ranking.dynamic_weights import DynamicWeights
from tfrec.ranking.ranker import Ranker

MAPS, UNITS, DIM, TEXT = 3, 5, 4, 6
RNG = np.random.default_rng(0)
USERS, ITEMS, USER_TEXTS, ITEM_TEXTS = VECTORS = [
    RNG.normal(size=shape).astype(np.float32) for shape in [(2, DIM), (2, 7, DIM), (2, TEXT), (2, 7, TEXT)]
]


def gelu(x: np.ndarray) -> np.ndarray:
    """The tanh form of Keras."""
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


@pytest.mark.parametrize("form", ["attention", "max"])
def test_the_formula(form, tmp_path):
    layer = check_layer(
        lambda **kw: DynamicWeights(MAPS, UNITS, form=form, **kw),
        (VECTORS,),
        (2, 7),
        tmp_path,
        tolerance=1e-4,
    )
    layer.gain.assign(1.5)
    found, matrices = layer(VECTORS).numpy(), layer.matrices.numpy()
    for line, place in np.ndindex(2, 7):
        u = np.r_[USERS[line], USER_TEXTS[line]] @ layer.user.kernel.numpy()
        v = np.r_[ITEMS[line, place], ITEM_TEXTS[line, place]] @ layer.item.kernel.numpy()
        products = np.array([u @ m @ v for m in matrices])
        if form == "max":
            expected = max(p / np.sqrt((m**2).sum()) for p, m in zip(products, matrices, strict=True))
        else:
            both = np.r_[USER_TEXTS[line], ITEM_TEXTS[line, place]]
            first = np.concatenate([layer.of_user.kernel, layer.of_item.kernel])
            logits = gelu(both @ first + layer.of_user.bias.numpy()) @ layer.weigh.kernel.numpy()
            logits += layer.weigh.bias.numpy()
            expected = np.exp(logits) @ products / np.exp(logits).sum()
        assert found[line, place] == pytest.approx(1.5 * expected, abs=1e-4)


def test_the_weights_are_shares():
    layer = DynamicWeights(MAPS, UNITS)
    layer(VECTORS)
    randomize(layer)
    weights = layer.weights_of(USER_TEXTS, ITEM_TEXTS).numpy()
    np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-5)
    assert (weights.std((0, 1)) > 1e-3).all()  # each pair has its own


def test_untrained_it_adds_nothing():
    assert not DynamicWeights(MAPS, UNITS)(VECTORS).numpy().any()


@pytest.mark.parametrize("options", [{"maps": 0}, {"maps": 2, "form": "sum"}])
def test_other_forms_are_refused(options):
    with pytest.raises(
        ValueError, match=r"`maps` must be at least 1 and `form` 'attention' or 'max'.*Received: "
    ):
        DynamicWeights(**{"units": UNITS, **options})


def test_a_new_event_changes_the_weights_at_once():
    """Through the language of the event alone: in the item space all items are the same."""
    ranker = Ranker(9, DIM, 1, content_dim=TEXT, units=UNITS, dropout=0.0, meets="none", maps=MAPS)
    randomize(ranker)
    ranker.vectors.assign(np.ones((9, DIM)))
    ranker.content.assign(RNG.normal(size=(9, TEXT)))
    seen = []
    layer = ranker.dynamic
    weights_of = layer.weights_of
    layer.weights_of = lambda *texts: seen.append(weights_of(*texts).numpy()) or weights_of(*texts)
    for history in ([[3, 4, 0]], [[3, 4, 5]]):
        ranker(
            {"features": np.ones((1, 2, 1)), "candidates": np.array([[1, 2]]), "history": np.array(history)}
        )
    before, after = seen
    assert (np.abs(after - before).max(-1) > 1e-3).all()
