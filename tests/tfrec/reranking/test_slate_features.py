"""What a slate says of its candidates, by hand."""

import numpy as np
import pytest

from tfrec.reranking.slate_features import ALIKE, LEAST_SPREAD, NAMES, SlateVectors, slate_features

RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(30, 4)).astype(np.float32)
UNIT = TABLE / np.linalg.norm(TABLE, axis=1, keepdims=True)
VECTORS = SlateVectors(np.zeros((30, 2), np.float32), TABLE)
ROWS, HISTORY = np.array([[5, 9, 2, 0]], np.int32), np.array([[7, 11, 4, 0, 0]], np.int32)
RANKING, RETRIEVAL = (
    np.array([[1.0, 2.0, -1.0, 0.0]], np.float32),
    np.array([[3.0, 1.0, 2.0, -9.0]], np.float32),
)


@pytest.fixture(scope="module")
def features() -> dict[str, np.ndarray]:
    values = slate_features(VECTORS, ROWS, HISTORY, RANKING, RETRIEVAL).numpy()
    assert values.shape == (1, 4, len(NAMES))
    return dict(zip(NAMES, values[0].T, strict=True))


@pytest.mark.parametrize(("stage", "scores"), [("ranking", RANKING), ("retrieval", RETRIEVAL)])
def test_scores_count_relative_to_the_slate(features, stage, scores):
    own = scores[0, :3]
    expected = own - np.log(np.exp(own).sum())
    np.testing.assert_allclose(features[f"{stage}_log_share"][:3], expected, rtol=1e-5)
    expected = (own - own.mean()) / np.sqrt(own.var() + LEAST_SPREAD)
    np.testing.assert_allclose(features[f"{stage}_deviation"][:3], expected, rtol=1e-5)


def test_candidates_are_like_each_other(features):
    cosine = UNIT[[5, 9, 2]] @ UNIT[[5, 9, 2]].T
    others = cosine - np.eye(3)
    share = np.exp(RANKING[0, :3]) / np.exp(RANKING[0, :3]).sum()
    expected = {
        "nearest": [max(0, *np.delete(cosine[place], place)) for place in range(3)],
        "nearest_above": [max(0, cosine[0, 1]), 0, max(0, cosine[2, 0], cosine[2, 1])],
        "mean": others.sum(1) / 2,
        "central": others @ share,
    }
    for name, values in expected.items():
        np.testing.assert_allclose(features[f"text_{name}"][:3], values, atol=1e-5)


def test_candidates_are_like_the_history(features):
    cosine = UNIT[[5, 9, 2]] @ UNIT[[7, 11, 4]].T
    recent = np.array([0.8**2, 0.8, 1.0]) @ UNIT[[7, 11, 4]]
    expected = {
        "last_event": cosine[:, 2],
        "recent_events": UNIT[[5, 9, 2]] @ recent / np.linalg.norm(recent),
        "nearest_event": cosine.max(1),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(features[f"text_{name}"][:3], values, atol=1e-5)


def test_vectors_that_say_nothing_are_like_nothing(features):
    assert not any(features[f"behaviour_{name}"].any() for name in ALIKE)


def test_no_candidate_no_numbers(features):
    assert not any(values[3] for values in features.values())
