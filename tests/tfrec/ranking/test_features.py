"""Pair features against a plain Python oracle, pair by pair."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.layer_checks import check_layer
from tfrec.ranking.features import GROUPS, NAMES, RECENT, PairFeatures

ITEMS, DIM, TEXT, CONTENT, NEAR, CATEGORIES, SLOTS = 9, 4, 3, 5, 2, 5, 2
RNG = np.random.default_rng(0)
COUNTS = np.array([0, 5, 0, 1, 30, 2, 2, 7, 1])
NEWEST = np.array([0, 1, 0, 1, 3, 0, 2, 0, 1])


def rows_with_padding(*shape: int) -> np.ndarray:
    """Random values `[items, …]` with zeros in row 0, as every table has."""
    values = RNG.normal(size=shape).astype(np.float32)
    values[0] = 0
    return values


TABLES = {
    "vectors": rows_with_padding(ITEMS, DIM),
    "language": rows_with_padding(ITEMS, TEXT),
    "content": rows_with_padding(ITEMS, CONTENT),
    "category": np.array([[0, 0], [1, 2], [3, 0], [0, 0], [4, 1], [2, 0], [1, 3], [2, 4], [1, 0]], np.int32),
    "neighbour": np.array([[0, 0], [4, 7], [0, 0], [5, 0], [1, 8], [3, 6], [5, 7], [1, 6], [4, 0]], np.int32),
    "cosine": np.abs(rows_with_padding(ITEMS, NEAR)),
}
TABLES["cosine"][TABLES["neighbour"] == 0] = 0


def layer(**options) -> PairFeatures:
    sizes = {
        "text_dim": TEXT,
        "content_dim": CONTENT,
        "neighbours": NEAR,
        "categories": CATEGORIES,
        "slots": SLOTS,
        **options,
    }
    made = PairFeatures(ITEMS, DIM, **sizes)
    nothing = np.zeros((ITEMS, 0))
    tables = TABLES if made.text_dim else {**TABLES, "language": nothing, "content": nothing}
    made.set_tables(counts=COUNTS, recent=NEWEST, **tables)
    return made


def oracle(history: list[int], candidate: int, retrieval: np.ndarray) -> dict[str, float]:
    """The features of one pair, from their description. history: rows, oldest first."""
    weight = [RECENT ** (len(history) - 1 - place) for place in range(len(history))]
    logs, newest = np.log1p(COUNTS), np.log1p(NEWEST)
    found = {
        "retrieval_log_probability": retrieval[0],
        "retrieval_z": retrieval[1],
        "popularity": (logs[candidate] - logs[1:].mean()) / logs[1:].std(),
        "trend": (newest[candidate] - newest[1:].mean()) / newest[1:].std(),
        "is_new": float(COUNTS[candidate] == 0),
        "history_length": np.log(1 + len(history)),
    }
    tables = {"language": "language", "content": "content", "vector": "vectors"}
    for name, table in ((name, TABLES[table]) for name, table in tables.items()):
        products = [float(table[event] @ table[candidate]) for event in history]
        found[f"{name}_nearest"] = max(products, default=0)
        found[f"{name}_mean"] = float(np.average(products, weights=weight)) if history else 0
        found[f"{name}_last"] = products[-1] if history else 0
    cosines = [
        sum(
            c
            for near, c in zip(TABLES["neighbour"][e], TABLES["cosine"][e], strict=True)
            if near == candidate
        )
        for e in history
    ]
    found["co_occurrence"] = np.log(1 + sum(cosines))
    found["co_occurrence_recent"] = float(np.dot(cosines, weight))
    found["co_occurrence_last"] = cosines[-1] if history else 0
    own = [c for c in TABLES["category"][candidate] if c]
    shares = [sum(w for e, w in zip(history, weight, strict=True) if c in TABLES["category"][e]) for c in own]
    found["category_overlap"] = float(np.mean(shares)) / sum(weight) if own and history else 0
    return found


HISTORIES = st.lists(st.integers(1, ITEMS - 1), max_size=6)


@pytest.fixture(scope="module")
def features() -> PairFeatures:
    return layer()


@settings(max_examples=40, deadline=None)
@given(histories=st.lists(HISTORIES, min_size=1, max_size=3), seed=st.integers(0, 1000))
def test_each_feature_is_what_it_says(features, histories, seed):
    rng = np.random.default_rng(seed)
    history = np.array([[*h, *[0] * (6 - len(h))] for h in histories], np.int32)
    candidates = rng.integers(1, ITEMS, (len(histories), 5)).astype(np.int32)
    retrieval = rng.normal(size=(*candidates.shape, 2)).astype(np.float32)
    found = features(history, candidates, retrieval).numpy()
    for line, place in np.ndindex(candidates.shape):
        expected = oracle(histories[line], candidates[line, place], retrieval[line, place])
        for name, value in zip(NAMES, found[line, place], strict=True):
            np.testing.assert_allclose(value, expected[name], rtol=1e-4, atol=1e-5, err_msg=name)


HISTORY = np.array([[3, 4, 1, 0], [7, 0, 0, 0], [0, 0, 0, 0]], np.int32)
CANDIDATES = np.array([[1, 5, 8], [6, 6, 0], [2, 4, 0]], np.int32)
RETRIEVAL = RNG.normal(size=(3, 3, 2)).astype(np.float32)


@pytest.mark.parametrize(
    "options", [{}, {"text_dim": 0, "content_dim": 0, "categories": 0}], ids=["all", "no text, no categories"]
)
def test_the_layer(options, tmp_path):
    check_layer(
        lambda **kw: layer(**options, **kw), (HISTORY, CANDIDATES, RETRIEVAL), (3, 3, len(NAMES)), tmp_path,
    )  # fmt: skip


def test_without_text_and_categories_their_features_are_0():
    found = layer(text_dim=0, content_dim=0, categories=0)(HISTORY, CANDIDATES, RETRIEVAL).numpy()
    for name, values in zip(NAMES, np.moveaxis(found, -1, 0), strict=True):
        assert values.any() == (not name.startswith(("language", "content", "category"))), name


def test_a_candidate_does_not_depend_on_its_list(features):
    whole = features(HISTORY, CANDIDATES, RETRIEVAL).numpy()
    for place in range(3):
        one = slice(place, place + 1)
        np.testing.assert_allclose(
            features(HISTORY, CANDIDATES[:, one], RETRIEVAL[:, one])[:, 0], whole[:, place], rtol=1e-6
        )


def test_nor_on_its_batch_nor_on_padding(features):
    whole = features(HISTORY, CANDIDATES, RETRIEVAL).numpy()
    for line in range(3):
        one = slice(line, line + 1)
        wide = np.pad(HISTORY[one], [(0, 0), (0, 3)])
        np.testing.assert_allclose(
            features(wide, CANDIDATES[one], RETRIEVAL[one])[0], whole[line], rtol=1e-5, atol=1e-6
        )


@pytest.mark.parametrize("groups", [("retrieval",), ("retrieval", "category", "popularity")])
def test_only_the_groups_that_are_asked_for_are_answered(features, groups):
    some, every = layer(groups=groups), features(HISTORY, CANDIDATES, RETRIEVAL).numpy()
    places = [NAMES.index(name) for group in groups for name in GROUPS[group]]
    np.testing.assert_array_equal(some(HISTORY, CANDIDATES, RETRIEVAL), every[..., places])
    assert some.names == tuple(NAMES[place] for place in places)


def test_profile_and_context_are_what_recall_says_of_them():
    side = np.random.default_rng(0).normal(size=(*CANDIDATES.shape, 2)).astype(np.float32)
    some = layer(groups=("retrieval", "context", "profile"))
    found = some(HISTORY, CANDIDATES, RETRIEVAL, side)
    np.testing.assert_array_equal(found[..., 2:], side[..., ::-1])
    assert some.reads_side
    assert not layer().reads_side


@pytest.mark.parametrize(
    "groups", [(), ("language", "retrieval"), ("retrieval", "colour"), ("retrieval",) * 2]
)
def test_other_groups_are_refused(groups):
    with pytest.raises(
        ValueError, match=r"`groups` must be 'retrieval' and some of popularity, .*Received: "
    ):
        layer(groups=groups)


def test_equal_counts_are_equally_popular():
    features = layer()
    features.set_tables(counts=np.array([0, *[4] * (ITEMS - 1)]))
    assert not features.tables["popularity"].numpy()[1:].any()


def test_it_computes_in_float32_under_any_policy():
    """Counts and sums of a long history are beyond float16."""
    half = layer(dtype="mixed_float16")
    assert half(HISTORY, CANDIDATES, RETRIEVAL).dtype == tf.float32
    np.testing.assert_array_equal(
        half(HISTORY, CANDIDATES, RETRIEVAL), layer()(HISTORY, CANDIDATES, RETRIEVAL)
    )


def test_items_that_came_later_change_no_popularity():
    """They have the popularity of an item that nobody took."""
    few, more = (PairFeatures(n, 0, text_dim=0, neighbours=0, categories=0, slots=1) for n in (4, 6))
    few.set_tables(counts=np.array([0, 0, 3, 9]))
    more.set_tables(counts=np.array([0, 0, 3, 9, 0, 0]), added=2)
    popularity, expected = more.tables["popularity"].numpy(), few.tables["popularity"].numpy()
    np.testing.assert_array_equal(popularity[:4], expected)
    np.testing.assert_array_equal(popularity[4:], expected[1])
