"""Batches of windows: every step once an epoch, in a new order each time."""

from itertools import pairwise

import numpy as np
import pytest

from tfrec.data.histories import Histories
from tfrec.data.item_content import ItemContent
from tfrec.data.pipeline import next_item_batches

ITEMS = 40


@pytest.fixture(scope="module")
def h():
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 30, 25)
    start = np.concatenate([[0], np.cumsum(lengths)])
    return Histories(rng.integers(0, ITEMS, start[-1]).astype(np.int32), start, np.zeros(start[-1]))


def steps(batches):
    """(user, item, next item) of all batches in the order in which they come."""
    found = []
    for inputs, following in batches.as_numpy_iterator():
        for user, before, after in zip(inputs["user"], inputs["history"], following, strict=True):
            found += [(user - 1, a - 1, b - 1) for a, b in zip(before, after, strict=True) if b]
    return found


def test_an_epoch_holds_every_step_once(h):
    expected = [(user, a, b) for user in range(len(h)) for a, b in pairwise(h.of(user))]
    assert sorted(steps(next_item_batches(h, 10, 64, 0))) == sorted(expected)


def test_epochs_differ_and_the_seed_repeats_them(h):
    one, again = next_item_batches(h, 10, 64, 5), next_item_batches(h, 10, 64, 5)
    first, second = steps(one), steps(one)
    assert first != second
    assert [steps(again), steps(again)] == [first, second]
    assert steps(next_item_batches(h, 10, 64, 6)) != first


def test_a_batch_holds_no_more_events_than_asked(h):
    sizes = [following.size for _, following in next_item_batches(h, 10, 64, 0).as_numpy_iterator()]
    assert max(sizes) <= 64


def test_histories_without_a_step_are_refused():
    with pytest.raises(ValueError, match="no step to learn"):
        next_item_batches(Histories(np.zeros(2, np.int32), np.array([0, 1, 2]), np.zeros(2)), 10, 64, 0)


def test_with_a_start_every_event_is_predicted_once(h):
    """Also the first of each user, from nothing; users with one event are there for it alone."""
    found = []
    for inputs, following in next_item_batches(h, 10, 64, 0, start=True).as_numpy_iterator():
        assert following.shape[1] == inputs["history"].shape[1] + 1
        for user, before, after in zip(inputs["user"], inputs["history"], following, strict=True):
            found += [(user - 1, a - 1, b - 1) for a, b in zip([0, *before], after, strict=True) if b]
    expected = [(user, a, b) for user in range(len(h)) for a, b in pairwise([-1, *h.of(user)])]
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize("start", [True, False])
def test_the_context_is_that_of_the_events_to_predict(h, start):
    """The number of the event + 1 is its only content, so it tells which item happened."""
    rows = np.arange(len(h.item) + 1)
    context = ItemContent(None, rows[:, None].astype(np.float32), rows[:, None].astype(np.int32))
    for inputs, following in next_item_batches(
        h, 10, 64, 0, start=start, context=context
    ).as_numpy_iterator():
        content, category = inputs["context"]
        assert content.shape == category.shape == (*following.shape, 1)
        there = following > 0
        np.testing.assert_array_equal(h.item[category[there][:, 0] - 1], following[there] - 1)
        np.testing.assert_array_equal(content, category)
