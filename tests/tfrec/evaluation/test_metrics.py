from math import log2, sqrt

import numpy as np
import pytest

from tfrec.evaluation.metrics import (
    PER_QUERY,
    coverage_at_k,
    intra_list_distance,
    ndcg_at_k,
    recall_at_k,
    reciprocal_rank,
    summarise,
)

NOWHERE = -1


def test_recall_counts_the_first_k_places():
    np.testing.assert_array_equal(recall_at_k([0, 9, 10, NOWHERE], k=10), [1, 1, 0, 0])


def test_ndcg_discounts_by_the_place():
    expected = [1 / log2(2), 1 / log2(3), 1 / log2(11), 0, 0]
    np.testing.assert_allclose(ndcg_at_k([0, 1, 9, 10, NOWHERE], k=10), expected)


def test_reciprocal_rank_looks_at_the_whole_ranking():
    np.testing.assert_allclose(reciprocal_rank([0, 3, 999, NOWHERE]), [1, 1 / 4, 1 / 1000, 0])


def test_a_k_beyond_the_catalogue_finds_all_that_is_ranked():
    np.testing.assert_array_equal(recall_at_k([0, 2, NOWHERE], k=50), [1, 1, 0])


@pytest.mark.parametrize("metric", PER_QUERY.values(), ids=PER_QUERY)
def test_no_query_gives_no_value(metric):
    assert metric([]).shape == (0,)


@pytest.mark.parametrize("metric", [recall_at_k, ndcg_at_k])
def test_k_below_one_is_refused(metric):
    with pytest.raises(ValueError, match=r"`k` must be at least 1\. Received: 0"):
        metric([0], k=0)


@pytest.mark.parametrize("k", [1, 3, 20])
def test_ndcg_agrees_with_the_textbook_on_full_relevance_lists(k):
    """DCG of a 0/1 relevance list over its ideal, written without the shortcut for one relevant item."""
    ranks = np.random.default_rng(0).permutation(30)
    relevance = np.eye(30)[ranks]
    discount = 1 / np.log2(np.arange(2, 32))
    dcg = (relevance * discount)[:, :k].sum(axis=1)
    ideal = (-np.sort(-relevance) * discount)[:, :k].sum(axis=1)
    np.testing.assert_allclose(ndcg_at_k(ranks, k=k), dcg / ideal)


def test_coverage_counts_an_item_once_and_no_empty_place():
    assert coverage_at_k([[0, 1, -1], [1, 1, 2]], n_items=6) == 3 / 6


def test_coverage_looks_at_the_first_k_places():
    assert coverage_at_k([[0, 1], [2, 3]], n_items=4, k=1) == 2 / 4


def test_coverage_of_an_empty_catalogue_is_refused():
    with pytest.raises(ValueError, match="`n_items` must be at least 1"):
        coverage_at_k([[0]], n_items=0)


def test_distance_is_the_mean_over_pairs_of_one_less_the_cosine():
    vectors = np.array([[1, 0], [0, 3], [2, 2]], np.float32)  # 90° and twice 45°, lengths of no importance
    distance = intra_list_distance([[0, 1, 2]], vectors)
    np.testing.assert_allclose(distance, [(1 + 2 * (1 - sqrt(1 / 2))) / 3], atol=1e-7)


def test_distance_leaves_out_empty_places_and_items_without_text():
    vectors = np.array([[1, 0], [0, 1], [0, 0]], np.float32)
    distance = intra_list_distance([[0, -1, 1], [0, 2, 1], [0, 2, -1], [-1, -1, -1]], vectors)
    np.testing.assert_allclose(distance, [1, 1, np.nan, np.nan])


def test_distance_of_duplicates_is_zero():
    np.testing.assert_allclose(intra_list_distance([[1, 1]], np.eye(2)), [0], atol=1e-12)


def test_distance_agrees_with_all_pairs_written_out(monkeypatch):
    monkeypatch.setattr("tfrec.evaluation.metrics._ROWS_AT_ONCE", 3)
    rng = np.random.default_rng(0)
    vectors, top = rng.normal(size=(40, 5)), rng.integers(-1, 40, size=(8, 6))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    lists = [[item for item in row if item >= 0] for row in top]
    expected = [
        np.mean([1 - unit[a] @ unit[b] for i, a in enumerate(row) for b in row[i + 1 :]]) for row in lists
    ]
    np.testing.assert_allclose(intra_list_distance(top, vectors), expected)


def test_summary_has_the_promised_keys_and_means():
    top = np.full((3, 20), -1)
    top[:, :2] = [[0, 1], [0, 1], [1, 0]]
    assert summarise([0, 1, 15], top, 4, vectors=np.eye(4)) == {
        "users": 3,
        "targets": 3,
        "recall@10": pytest.approx(2 / 3),
        "ndcg@10": pytest.approx((1 + 1 / log2(3)) / 3),
        "recall@20": pytest.approx(3 / 3),
        "ndcg@20": pytest.approx((1 + 1 / log2(3) + 1 / log2(17)) / 3),
        "mrr": pytest.approx((1 + 1 / 2 + 1 / 16) / 3),
        "coverage@20": 2 / 4,
        "ild@20": pytest.approx(1),
    }


def test_summary_without_vectors_or_without_pairs_has_no_distance():
    one_item = [[0, -1]]
    assert summarise([0], one_item, 2)["ild@20"] is None
    assert summarise([0], one_item, 2, vectors=np.eye(2))["ild@20"] is None


def test_summary_of_nothing_is_none():
    assert summarise([], np.zeros((0, 20), int), 5) is None


def test_summary_counts_people_apart_from_targets():
    figures = summarise([0, 0, 0], [[0], [0], [0]], 1, users=2)
    assert (figures["users"], figures["targets"]) == (2, 3)
