import sys
from math import log, sqrt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tfrec.data.dataset import load_dataset
from tfrec.data.histories import histories
from tfrec.data.splits import split
from tfrec.evaluation import baselines
from tfrec.evaluation.baselines import (
    BASELINES,
    EASE,
    IALS,
    TFIDF,
    ItemKNN,
    LeftOutError,
    Popularity,
    item_words,
)
from tfrec.evaluation.protocol import measure, rank_targets
from tfrec.schema import Role, Schema

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
EVERYBODY = np.arange(4, dtype=np.int32)

FOUR_USERS = [[0, 1], [0, 1, 2], [0, 2], [1, 3]]
"""Item counts 3, 3, 2, 1, 0; together: 0 and 1 twice, 0 and 2 twice, 1 and 2 once, 1 and 3 once."""


def test_popularity_is_the_count_for_everybody(make_histories):
    scores = Popularity.fit(make_histories(FOUR_USERS), 5).score(EVERYBODY)
    np.testing.assert_array_equal(scores, [[3, 3, 2, 1, 0]] * 4)


def test_item_knn_sums_cosines_over_the_history(make_histories):
    cos01, cos02, cos12, cos13 = 2 / 3, 2 / sqrt(6), 1 / sqrt(6), 1 / sqrt(3)
    scores = ItemKNN.fit(make_histories(FOUR_USERS), 5).score(EVERYBODY)
    np.testing.assert_allclose(
        scores,
        [
            [cos01, cos01, cos02 + cos12, cos13, 0],
            [cos01 + cos02, cos01 + cos12, cos02 + cos12, cos13, 0],
            [cos02, cos01 + cos12, cos02, 0, 0],
            [cos01, cos13, cos12, cos13, 0],
        ],
        rtol=1e-6,
    )


def test_ease_of_two_items_is_a_conditional_probability_held_down_by_the_penalty(make_histories):
    """B[0, 1] = G01 / (G00 + penalty); of 3 people with item 0 one has item 1, which 2 people have."""
    trained = make_histories([[0, 1], [0], [0], [1]])
    scores = EASE.fit(trained, 2, penalty=10.0).score(np.array([1, 3]))
    np.testing.assert_allclose(scores, [[0, 1 / (3 + 10)], [1 / (2 + 10), 0]], rtol=1e-6)


def test_ease_of_three_items_follows_cramers_rule(make_histories):
    """Items 0-1-2 in a chain: G = [[d0, a, 0], [a, d1, b], [0, b, d2]], P = adjugate / determinant."""
    trained = make_histories([[0, 1], [0, 1], [1, 2], [0], [2]])
    a, b = 2, 1
    d0, d1, d2 = 3 + 100, 3 + 100, 2 + 100
    adjugate = np.array(
        [
            [d1 * d2 - b * b, -a * d2, a * b],
            [-a * d2, d0 * d2, -d0 * b],
            [a * b, -d0 * b, d0 * d1 - a * a],
        ]
    )
    weights = -adjugate / np.diag(adjugate)
    scores = EASE.fit(trained, 3).score(np.array([0, 3, 4], np.int32))
    expected = [
        [weights[1, 0], weights[0, 1], weights[0, 2] + weights[1, 2]],
        [0, weights[0, 1], weights[0, 2]],
        [weights[2, 0], weights[2, 1], 0],
    ]
    np.testing.assert_allclose(scores, expected, rtol=1e-4)
    assert scores[1, 2] < 0, "who has item 0 without item 1 is the less likely to like item 2"


def test_ease_agrees_with_the_plain_inverse(make_histories):
    rng = np.random.default_rng(0)
    trained = make_histories([rng.choice(40, rng.integers(1, 20), replace=False) for _ in range(60)])
    binary = trained.matrix(40).toarray().astype(np.float64)
    inverse = np.linalg.inv(binary.T @ binary + 100 * np.eye(40))
    weights = -inverse / np.diag(inverse) * (1 - np.eye(40))
    scores = EASE.fit(trained, 40).score(np.arange(60, dtype=np.int32))
    np.testing.assert_allclose(scores, binary @ weights, atol=1e-5)


def test_ease_of_many_items_is_left_out(make_histories, monkeypatch):
    monkeypatch.setattr(baselines, "EASE_ITEMS", 4)
    with pytest.raises(LeftOutError, match=r"5 × 5 items.*limit 4 items"):
        EASE.fit(make_histories(FOUR_USERS), 5)


def test_item_knn_of_too_many_pairs_is_left_out(make_histories, monkeypatch):
    monkeypatch.setattr(baselines, "KNN_PAIRS", 10)
    with pytest.raises(LeftOutError, match=r"limit 10"):
        ItemKNN.fit(make_histories(FOUR_USERS), 5)


def test_tfidf_compares_words_and_needs_no_interaction_with_an_item(make_histories):
    """Smooth idf over 4 texts: ln(5 / (1 + texts with the word)) + 1."""
    texts = ["the red apple", "green apple", "red car", ""]
    once, twice = log(5 / 2) + 1, log(5 / 3) + 1
    green_apple = np.array([once, twice]) / sqrt(once**2 + twice**2)
    red_apple = np.array([twice, twice]) / sqrt(2 * twice**2)
    red_car = np.array([twice, once]) / sqrt(once**2 + twice**2)
    apple, red = green_apple[1] * red_apple[1], red_car[0] * red_apple[0]
    scores = TFIDF.fit(make_histories([[0], [1, 2]]), 4, texts).score(np.array([0, 1]))
    np.testing.assert_allclose(scores, [[1, apple, red, 0], [apple + red, 1, 1, 0]], rtol=1e-6)


def test_tfidf_dampens_a_repeated_word(make_histories):
    """Both words are in both texts, so idf cancels: weights 1 + ln 3 and 1 against 1 and 1."""
    scores = TFIDF.fit(make_histories([[0]]), 2, ["car car car red", "car red"]).score(np.array([0]))
    car = 1 + log(3)
    np.testing.assert_allclose(scores[0, 1], (car + 1) / sqrt(car**2 + 1) / sqrt(2), rtol=1e-6)


@pytest.mark.parametrize(
    ("texts", "reason"),
    [(None, "no text"), ([], "no text"), (["", ""], "no text"), (["the", "of a"], "no word")],
)
def test_tfidf_without_words_is_left_out(texts, reason, make_histories):
    with pytest.raises(LeftOutError, match=reason):
        TFIDF.fit(make_histories([[0]]), 2, texts)


@pytest.mark.parametrize(
    ("baseline", "module", "library"),
    [(IALS, "implicit.cpu.als", "implicit"), (TFIDF, "sklearn.feature_extraction.text", "scikit-learn")],
)
def test_a_missing_library_is_named_with_the_way_to_get_it(
    baseline, module, library, make_histories, monkeypatch
):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(LeftOutError, match=rf"{library}.*pip install 'tfrec\[bench\]'"):
        baseline.fit(make_histories([[0]]), 2, ["red", "green"])


def test_ials_runs_without_blas_threads_inside(make_histories, monkeypatch, recwarn):
    monkeypatch.setattr(
        "implicit.utils._checked_blas_config", False
    )  # it looks, and warns, once in a process
    IALS.fit(make_histories(FOUR_USERS), 5)
    assert not [warning for warning in recwarn if "threads" in str(warning.message)]


@pytest.mark.parametrize("name", ["item_knn", "ease", "ials", "tfidf"])
def test_two_groups_of_people_get_their_own_groups_items(name, make_histories, make_targets):
    """Each of 20 people has 9 of a group's 10 items; the tenth must come before all of the other group."""
    groups = [range(10), range(10, 20)]
    people = [(group, left_out) for group in groups for left_out in group]
    trained = make_histories([[item for item in group if item != left_out] for group, left_out in people])
    targets = make_targets({user: left_out for user, (_, left_out) in enumerate(people)})
    texts = [f"{'apple' if item < 10 else 'car'} number{item}" for item in range(20)]
    score = BASELINES[name].fit(trained, 20, texts).score
    assert measure(rank_targets(score, targets, trained), 20)["mrr"] == 1


@pytest.mark.parametrize("name", BASELINES)
def test_scores_are_float32_of_users_by_items(name, make_histories):
    trained = make_histories([*FOUR_USERS, []])  # item 4 was never met, user 4 met nothing
    baseline = BASELINES[name].fit(trained, 5, ["red", "green", "red car", "blue", "red"])
    scores = baseline.score(np.array([4, 0, 4], np.int32))
    assert scores.shape == (3, 5)
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()


def test_words_are_all_texts_categories_and_numbers_in_order():
    items = pd.DataFrame(
        {
            "item_id": ["1", "2"],
            "title": ["Toy Story", ""],
            "genres": ["Comedy|Children", ""],
            "image": [np.zeros(2), np.ones(2)],
            "year": [1995.0, np.nan],
            "note": ["hidden", "hidden"],
        }
    )
    roles = {"title": Role.TEXT, "genres": Role.CATEGORY, "image": Role.VECTOR, "year": Role.NUMBER}
    assert item_words(items, Schema(items={**roles, "note": Role.IGNORE})) == [
        "Toy Story Comedy|Children 1995.0",
        "",
    ]


def test_items_without_columns_have_no_words():
    assert item_words(pd.DataFrame({"item_id": ["1", "2"]}), Schema()) == ["", ""]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "recall", "ndcg"),
    [
        ("popularity", 0.028, 0.012),
        ("item_knn", 0.126, 0.099),
        ("ials", 0.133, 0.101),
        ("ease", 0.147, 0.113),
        ("tfidf", 0.109, 0.063),
    ],
)
def test_figures_on_amazon_office_are_the_known_ones(name, recall, ndcg):
    """Figures that an independent program measured on the same data."""
    if not (SHARED / "amazon-office").is_dir():
        pytest.skip("needs the benchmark dataset ../shared/data/amazon-office")
    dataset = load_dataset(SHARED / "amazon-office")
    parts = split(histories(dataset))
    n_items = len(dataset.item_ids)
    words = item_words(dataset.items, dataset.schema)
    score = BASELINES[name].fit(parts.refit, n_items, words).score
    figures = measure(rank_targets(score, parts.test, parts.refit), n_items)
    assert figures["targets"] == 3228
    assert figures["recall@10"] == pytest.approx(recall, abs=0.004)
    assert figures["ndcg@10"] == pytest.approx(ndcg, abs=0.004)
