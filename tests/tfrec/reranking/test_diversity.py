import itertools

import numpy as np
import pytest
import tensorflow as tf

from tfrec.reranking.diversity import Diversity
from tfrec.reranking.draft import Draft, Wishes

ABSENT = np.finfo(np.float32).min


def spread(relevance, vectors, strength, k, valid=None, method="mmr") -> tuple[np.ndarray, np.ndarray]:
    """Places and scores of the slate; the vectors of each candidate are a catalogue of their own."""
    relevance, vectors = np.asarray(relevance, np.float32), np.asarray(vectors, np.float32)
    batch, width = relevance.shape
    valid = np.ones(relevance.shape, bool) if valid is None else np.asarray(valid)
    rows = np.where(valid, 1 + np.arange(batch * width).reshape(batch, width), 0).astype(np.int32)
    table = np.concatenate(
        [np.zeros((1, vectors.shape[2])), vectors.reshape(batch * width, vectors.shape[2])]
    )
    step = Diversity(tf.constant(table, tf.float32), method)

    @tf.function(
        autograph=False,
        input_signature=[
            tf.TensorSpec([None, None], tf.int32),
            tf.TensorSpec([None, None]),
            tf.TensorSpec([None]),
            tf.TensorSpec([], tf.int32),
        ],
    )
    def slate(rows: tf.Tensor, relevance: tf.Tensor, strength: tf.Tensor, k: tf.Tensor) -> tuple:
        return step(Draft.of(rows, relevance), Wishes.of(rows, k, diversity=strength)).first(k)

    places, scores = slate(rows, relevance, tf.constant(np.asarray(strength, np.float32)), tf.constant(k))
    return places.numpy(), scores.numpy()


def mmr(relevance, vectors, strength, k, valid=None) -> tuple[np.ndarray, np.ndarray]:
    return spread(relevance, vectors, strength, k, valid)


def share(strength: float, place: int) -> float:
    """λ at a place of the slate, from 1."""
    return strength ** max(1.0, 20 / place)


def oracle(relevance, vectors, valid, strength, k) -> tuple[list[int], list[float]]:
    """One row by the definition: no sorting, no matrix, one candidate after another."""
    known = np.flatnonzero(valid)
    low, high = (relevance[known].min(), relevance[known].max()) if len(known) else (0.0, 0.0)
    scaled = (relevance - low) / (high - low) if high > low else np.zeros(len(relevance))
    chosen: list[int] = []
    scores: list[float] = []
    for _ in range(min(k, len(known))):
        now = share(strength, len(chosen) + 1)
        worth = {
            i: (1 - now) * scaled[i] - now * max([0.0, *(float(vectors[i] @ vectors[j]) for j in chosen)])
            for i in known
            if i not in chosen
        }
        best = max(worth, key=lambda i: (round(worth[i], 5), relevance[i], -i))
        chosen.append(int(best))
        scores.append(worth[best])
    missing = k - len(chosen)
    return chosen + [0] * missing, scores + [ABSENT] * missing


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


@pytest.mark.parametrize(
    ("n", "k", "share_valid"), list(itertools.product([1, 7, 40], [1, 5, 60], [1.0, 0.5, 0.0]))
)
def test_the_graph_does_what_the_definition_says(n: int, k: int, share_valid: float):
    rng = np.random.default_rng(n * 100 + k)
    relevance = rng.normal(size=(6, n)).astype(np.float32) * 30
    vectors = unit(rng.normal(size=(6, n, 5))).astype(np.float32)
    valid = rng.random((6, n)) < share_valid
    strength = np.array([0.0, 0.1, 0.3, 0.5, 0.9, 1.0], np.float32)
    places, scores = mmr(relevance, vectors, strength, k, valid)
    for row in range(6):
        expected = oracle(relevance[row], vectors[row], valid[row], strength[row], k)
        np.testing.assert_array_equal(places[row], expected[0])
        np.testing.assert_allclose(scores[row], expected[1], atol=1e-5)
    assert np.all(np.diff(scores, axis=1) <= 0)


TWINS = [[[1, 0], [1, 0], [0, 1]]]  # the first two candidates say the same


def test_the_second_twin_waits_when_diversity_is_asked():
    assert mmr([[3, 2, 1]], TWINS, [0.0], 3)[0].tolist() == [[0, 1, 2]]
    assert mmr([[3, 2, 1]], TWINS, [0.95], 3)[0].tolist() == [[0, 2, 1]]


def test_the_first_places_belong_to_relevance():
    """Twins of which 40 pairs follow each other: at a middling strength the first pair stays, later ones are parted."""
    vectors = np.repeat(np.eye(40), 2, axis=0)[None]
    relevance = np.linspace(1, 0, 80)[None]
    places = mmr(relevance, vectors, [0.5], 20)[0][0]
    pairs = places // 2
    assert pairs[0] == pairs[1]
    assert len({*pairs[10:]}) == 10


@pytest.mark.parametrize(("n", "k", "share_valid"), [(7, 5, 1.0), (25, 10, 0.6), (12, 20, 0.5)])
def test_the_determinantal_slate_is_the_greedy_one_of_determinants(n: int, k: int, share_valid: float):
    """Each turn the largest (1 − λ_p) rel + λ_p log(det S of the chosen and the candidate / det S of the chosen)."""
    rng = np.random.default_rng(n)
    relevance = rng.normal(size=(1, n)) * 30
    vectors = unit(rng.normal(size=(1, n, 40)) + 1)
    valid = rng.random((1, n)) < share_valid
    places, scores = spread(relevance, vectors, [0.9], k, valid, method="dpp")
    known = list(np.flatnonzero(valid[0]))
    of_known = relevance[0, known]
    scaled = dict(zip(known, (of_known - of_known.min()) / np.ptp(of_known), strict=True))
    chosen: list[int] = []

    def worth(i: int) -> float:
        def volume(items: list[int]) -> float:
            return np.linalg.slogdet(vectors[0, items] @ vectors[0, items].T)[1] if items else 0.0

        now = share(0.9, len(chosen) + 1)
        return (1 - now) * scaled[i] + now * (volume([*chosen, i]) - volume(chosen))

    for place, score in zip(places[0][: len(known)], scores[0], strict=False):
        best = max((i for i in known if i not in chosen), key=worth)
        assert (place, score) == (best, pytest.approx(worth(best), abs=1e-3))
        chosen.append(best)
    assert (scores[0, len(known) :] == ABSENT).all()


def test_a_candidate_between_two_chosen_ones_is_news_for_mmr_only():
    """The third has the cosine 0.71 to each of the first two, and lies in their plane; the fourth 0.75 to the first."""
    side = np.sqrt(1 - 0.75**2)
    vectors = unit(np.array([[[1, 0, 0], [0, 1, 0], [1, 1, 0], [0.75, 0, side]]]))
    relevance = [[4.0, 4.0, 2.0, 1.9]]
    assert spread(relevance, vectors, [0.9], 3)[0].tolist() == [[0, 1, 2]]
    assert spread(relevance, vectors, [0.9], 3, method="dpp")[0].tolist() == [[0, 1, 3]]


def test_what_is_behind_the_slate_keeps_its_order():
    """A later step may need more than k candidates."""
    rows = tf.constant([[5, 6, 7, 8]])
    step = Diversity(tf.one_hot([0] * 5 + [1, 1, 2, 1], 3))
    made = step(
        Draft.of(rows, tf.constant([[4.0, 3, 2, 1]])),
        Wishes.of(rows, tf.constant(2), diversity=tf.constant([0.95])),
    )
    assert made.rows.numpy().tolist() == [[5, 7, 6, 8]]
    assert (np.diff(made.score) <= 0).all()


def test_nothing_is_gathered_where_nobody_asks():
    """A table that no row is in: to gather from it would fail."""
    rows = tf.constant([[5, 6]])
    made = Diversity(tf.zeros([0, 3]))(
        Draft.of(rows, tf.constant([[1.0, 2]])), Wishes.of(rows, tf.constant(2))
    )
    assert made.rows.numpy().tolist() == [[6, 5]]


def test_scores_by_hand():
    """Scaled relevance 1, 1/2, 0; with λ_p: first (1 − λ_1) · 1, then (1 − λ_2) · 0, then (1 − λ_3) / 2 − λ_3."""
    first, third = share(0.95, 1), share(0.95, 3)
    scores = mmr([[3, 2, 1]], TWINS, [0.95], 3)[1]
    np.testing.assert_allclose(scores, [[1 - first, 0, (1 - third) / 2 - third]], atol=1e-6)


def test_opposites_are_not_rewarded():
    vectors = [[[1, 0], [0, 1], [-1, 0]]]
    assert mmr([[3, 2, 1]], vectors, [0.9], 2)[0].tolist() == [[0, 1]]


@pytest.mark.parametrize("company", [0.0, 0.7], ids=["alone", "beside a diverse row"])
def test_strength_zero_is_the_order_of_relevance_to_the_last_bit(company: float):
    """Relevances one float apart, which scaling to [0, 1] makes equal."""
    close = np.float32(1.0) + np.arange(5, dtype=np.float32) * np.finfo(np.float32).eps
    relevance = np.array([[*close, 1e9]] * 2, np.float32)
    places, _ = mmr(relevance, np.ones((2, 6, 1)), [0.0, company], 6)
    assert places[0].tolist() == [5, 4, 3, 2, 1, 0]


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_of_equals_the_earlier_comes_first(strength: float):
    assert mmr([[2, 2, 2, 2]], np.zeros((1, 4, 3)), [strength], 4)[0].tolist() == [[0, 1, 2, 3]]


def test_the_strength_means_the_same_on_any_scale():
    rng = np.random.default_rng(1)
    relevance, vectors = rng.normal(size=(1, 30)), unit(rng.normal(size=(1, 30, 8)))
    small, large = (mmr(relevance * scale + 5, vectors, [0.4], 10) for scale in (0.01, 1000.0))
    np.testing.assert_array_equal(small[0], large[0])
    np.testing.assert_allclose(small[1], large[1], atol=1e-3)


def test_a_strength_beyond_its_range_is_clipped():
    for wild, tame in ((-3.0, 0.0), (7.0, 1.0)):
        assert (
            mmr([[3, 2, 1]], TWINS, [wild], 3)[0].tolist() == mmr([[3, 2, 1]], TWINS, [tame], 3)[0].tolist()
        )


@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_invalid_candidates_never_come_whatever_their_relevance(strength: float):
    relevance = [[ABSENT, 9.0, 1.0, np.inf]]
    places, scores = mmr(relevance, unit(np.ones((1, 4, 2))), [strength], 3, [[False, True, True, False]])
    assert places.tolist() == [[1, 2, 0]]
    assert np.isfinite(scores[0, :2]).all()
    assert scores[0, 2] == ABSENT


def test_no_candidates_at_all():
    places, scores = mmr(np.zeros((2, 0)), np.zeros((2, 0, 3)), [0.5, 0.0], 4)
    assert places.tolist() == [[0] * 4] * 2
    assert (scores == ABSENT).all()


@pytest.mark.parametrize("strength", [0.0, 0.4])
def test_a_row_gets_the_same_slate_alone_and_in_company(strength: float):
    rng = np.random.default_rng(2)
    relevance, vectors = rng.normal(size=(3, 20)), unit(rng.normal(size=(3, 20, 4)))
    together = mmr(relevance, vectors, [strength, 0.9, 0.0], 8)
    alone = mmr(relevance[:1], vectors[:1], [strength], 8)
    np.testing.assert_array_equal(together[0][:1], alone[0])
    np.testing.assert_allclose(together[1][:1], alone[1], atol=1e-6)


def test_more_strength_gives_a_more_diverse_slate():
    rng = np.random.default_rng(3)
    relevance, vectors = rng.normal(size=(1, 60)), unit(rng.normal(size=(1, 60, 3)))

    def similarity(strength: float) -> float:
        slate = vectors[0][mmr(relevance, vectors, [strength], 15)[0][0]]
        return float((slate @ slate.T)[np.triu_indices(15, 1)].mean())

    assert similarity(0.9) < similarity(0.5) < similarity(0.0)
