"""Training lists: what a retriever whose answers are known says at each moment, and nothing of what came later."""

import numpy as np
import pytest
import tensorflow as tf

from tests.tfrec.ranking.conftest import ITEMS, LENGTH, LIST
from tfrec.data.histories import Histories
from tfrec.data.moments import Moments
from tfrec.data.worth import Worth
from tfrec.ranking.features import NAMES
from tfrec.ranking.lists import MASKED, make_lists
from tfrec.retrieval.retriever import evidence


def test_lists_are_what_retrieval_answers_at_each_moment(lists, retriever, full, moments):
    """A sort of all scores, without what the user has seen."""
    histories = [full.of(user)[:place] + 1 for user, place in zip(moments.user, moments.place, strict=True)]
    read = np.array([[*h[-LENGTH:], *[0] * (LENGTH - len(h))] for h in histories], np.int32)
    scores = retriever.scores(read, np.zeros(len(read), np.int32)).numpy()
    for line, (history, answer) in enumerate(zip(histories, moments.row, strict=True)):
        order = [row for row in np.argsort(-scores[line], kind="stable") if row and row not in history][:LIST]
        rows = [*order, *[0] * (LIST - len(order))]
        assert lists.inputs["candidates"][line].tolist() == rows
        assert lists.inputs["history"][line].tolist() == read[line].tolist()
        assert lists.labels[line].tolist() == [MASKED if r == 0 else float(r == answer) for r in rows]
        assert lists.answered[line] == (answer in rows)
    assert len(lists.labels) == len(moments)
    assert 0.1 < lists.answered.mean() < 1


def test_their_features_are_those_of_the_layer(lists, features, retriever):
    history, rows = lists.inputs["history"], lists.inputs["candidates"]
    scores = retriever.scores(history, np.zeros(len(rows), np.int32))
    expected = features(history, rows, evidence(scores, tf.constant(rows)))
    np.testing.assert_allclose(lists.inputs["features"], expected, rtol=1e-4, atol=1e-4)


def test_with_repeats_what_was_seen_is_a_candidate(retriever, features, full, moments):
    lists = make_lists(retriever, features, full, moments, candidates=ITEMS, length=LENGTH, mask_seen=False)
    assert lists.answered.all()
    assert (np.sort(lists.inputs["candidates"], axis=1) == np.arange(1, ITEMS + 1)).all()
    assert not (lists.labels == MASKED).any()


def test_nothing_to_learn_from_is_no_list(retriever, features, full):
    nothing = np.zeros(0, np.int32)
    lists = make_lists(
        retriever, features, full, Moments(nothing, nothing, nothing), candidates=LIST, length=LENGTH
    )
    assert lists.labels.shape == (0, LIST)
    assert lists.inputs["features"].shape == (0, LIST, len(NAMES))
    assert lists.answered.shape == (0,)


def test_what_comes_later_is_in_no_feature(retriever, features, full):
    """One moment of each user; whatever that user does from then on is shuffled among all users."""
    user = np.flatnonzero(full.lengths >= 3)
    place = full.lengths[user] - 2
    moments = Moments(user.astype(np.int32), place, full.item[full.start[user] + place] + 1)
    later = full.place >= np.repeat(np.where(full.lengths >= 3, full.lengths - 2, full.lengths), full.lengths)
    item = full.item.copy()
    item[later] = np.random.default_rng(1).permutation(item[later])
    shuffled = Histories(item, full.start, full.time)
    assert (item != full.item).any()
    lists, others = (
        make_lists(retriever, features, h, moments, candidates=ITEMS, length=LENGTH) for h in (full, shuffled)
    )
    for name, values in lists.inputs.items():
        np.testing.assert_array_equal(values, others.inputs[name])


def test_unknown_items_are_not_read_and_yet_masked(retriever, features, full, moments):
    unknown = np.arange(ITEMS) % 3 == 0
    lists = make_lists(retriever, features, full, moments, candidates=ITEMS, length=LENGTH, unknown=unknown)
    read = lists.inputs["history"]
    assert not np.append(False, unknown)[read].any()
    assert len(lists.labels) == len(moments)  # as many candidates as there are items
    for line, (user, place) in enumerate(zip(moments.user, moments.place, strict=True)):
        before = full.of(user)[:place]
        shown = (before[~unknown[before]] + 1)[-LENGTH:]
        assert read[line][read[line] > 0].tolist() == shown.tolist()
        assert not {*(before + 1)} & {*lists.inputs["candidates"][line]}


@pytest.mark.parametrize("random", [1, 3])
def test_random_candidates_are_others(retriever, features, full, moments, random):
    """Neither recall's nor seen nor what came next; each stands for its share of all that are left."""
    lists = make_lists(retriever, features, full, moments, candidates=LIST, length=LENGTH, random=random)
    plain = make_lists(retriever, features, full, moments, candidates=LIST, length=LENGTH)
    rows, correction = lists.inputs["candidates"], lists.inputs["correction"]
    for line, (user, place) in enumerate(zip(moments.user, moments.place, strict=True)):
        drawn = {*rows[line, LIST:]} - {0}
        left = {*range(1, ITEMS + 1)} - {*(full.of(user)[:place] + 1), *rows[line, :LIST], moments.row[line]}
        assert drawn <= left
        assert len(drawn) == min(random, len(left))
        share = max(len(left), 1) / min(max(len(left), 1), random)
        np.testing.assert_allclose(correction[line], [0] * LIST + [np.log(share)] * random, atol=1e-6)
    assert (lists.labels[:, LIST:] == np.where(rows[:, LIST:] == 0, MASKED, 0)).all()
    served = lists.of_recall()
    assert plain.of_recall() is plain
    assert {*served.inputs} == {*plain.inputs}
    for name, values in plain.inputs.items():  # sums of longer lists may end in another bit
        np.testing.assert_allclose(served.inputs[name], values, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(served.labels, plain.labels)


def test_another_seed_draws_others(retriever, features, full, moments):
    first, again, other = (
        make_lists(
            retriever, features, full, moments, candidates=3, length=LENGTH, random=2, random_seed=seed
        )
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first.inputs["candidates"], again.inputs["candidates"])
    assert (first.inputs["candidates"] != other.inputs["candidates"]).any()


def test_what_came_next_has_its_grade_and_its_weight(retriever, features, full, moments):
    rng = np.random.default_rng(0)
    worth = Worth(*rng.random((2, len(full.item) + 1)).astype(np.float32))
    plain = make_lists(retriever, features, full, moments, candidates=LIST, length=LENGTH)
    lists = make_lists(retriever, features, full, moments, candidates=LIST, length=LENGTH, worth=worth)
    grade = worth.grade[1 + moments.event][:, None]
    np.testing.assert_array_equal(lists.labels, np.where(plain.labels > 0, grade, plain.labels))
    np.testing.assert_array_equal(lists.weight, worth.weight[1 + moments.event])
    order = worth.of_order()
    np.testing.assert_allclose(order.weight, worth.grade * worth.weight)
    assert (order.grade == 1).all()
