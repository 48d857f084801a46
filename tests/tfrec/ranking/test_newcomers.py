"""Worlds in which some items are new: what recall and the ranker's lists say of them there."""

import numpy as np
import pytest

from tests.tfrec.ranking.conftest import ITEMS, LENGTH
from tfrec.ranking.features import GROUPS, NAMES
from tfrec.ranking.newcomers import as_if_new, lists_with_newcomers
from tfrec.retrieval.retriever import Retriever

HIDDEN = np.arange(ITEMS) % 4 == 1


def test_recall_knows_nothing_of_them_but_their_content(retriever):
    twin = as_if_new(retriever.model, HIDDEN)
    new, old = np.flatnonzero(np.append(False, HIDDEN)), np.flatnonzero(np.append(False, ~HIDDEN))
    vectors = Retriever(twin).vectors.numpy()
    assert not vectors[new].any()  # these towers have an id part alone
    np.testing.assert_array_equal(vectors[old], retriever.vectors.numpy()[old])
    near, cosine = twin.blend.neighbour.numpy(), twin.blend.cosine.numpy()
    assert not cosine[new].any()
    assert not cosine[old][np.isin(near[old], new)].any()
    assert retriever.model.blend.cosine.numpy()[new].any()  # the model itself is what it was


@pytest.fixture(scope="module")
def asked(retriever, full, moments, content):
    return lists_with_newcomers(
        retriever.model, full, full, moments, content, share=0.25, seed=0, neighbours_kept=3,
        groups=tuple(GROUPS), candidates=ITEMS, length=LENGTH,
    )  # fmt: skip


def test_each_moment_is_asked_once_with_a_share_of_new_items(asked, moments):
    lists, vectors = asked
    assert len(lists.labels) == len(moments)
    rows, present = lists.inputs["candidates"], lists.labels >= 0
    is_new = rows > ITEMS + 1
    assert is_new[present].mean() == pytest.approx(0.25, abs=0.1)
    assert vectors.shape == (ITEMS + 1, 8)
    assert (lists.labels[is_new] == 1).any()  # new items are answers too
    assert len(np.unique(rows[is_new])) == int(2 * 0.25 * ITEMS)  # others in each of two worlds


def test_their_features_are_those_of_an_item_without_past(asked):
    lists, _ = asked
    is_new, values = lists.inputs["candidates"] > ITEMS + 1, lists.inputs["features"]
    np.testing.assert_array_equal(
        values[..., NAMES.index("is_new")][lists.labels >= 0], is_new[lists.labels >= 0]
    )
    for name in GROUPS["co_occurrence"]:
        assert not values[..., NAMES.index(name)][is_new].any()
    popularity = values[..., NAMES.index("popularity")]
    assert popularity[is_new].max() < popularity[(lists.labels >= 0) & ~is_new].min()


def test_no_history_tells_of_them(asked):
    lists, _ = asked
    for line, rows in enumerate(lists.inputs["candidates"]):
        new = rows[rows > ITEMS + 1] - (ITEMS + 1)
        assert not {*new} & {*lists.inputs["history"][line]}
