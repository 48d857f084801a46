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


def windows(h, noise, *, length=10, start=False, seed=3, epochs=1):
    """Of the windows of some epochs the user, what is read, and what is to be predicted, without padding."""
    batches = next_item_batches(h, length, 64, seed, start=start, noise=noise)
    return [
        [
            (int(user) - 1, before[before > 0].tolist(), after[: (before > 0).sum() + start].tolist())
            for inputs, following in batches.as_numpy_iterator()
            for user, before, after in zip(inputs["user"], inputs["history"], following, strict=True)
        ]
        for _ in range(epochs)
    ]


@pytest.mark.parametrize("start", [True, False])
def test_noise_is_read_and_never_predicted(h, start):
    """What is read after an event is another event, and then it is predicted there, or noise, and then nothing is."""
    (found,) = windows(h, 0.3, length=80, start=start)
    predicted, noise = [], 0
    for user, read, after in found:
        events = (h.of(user) + 1).tolist()
        assert [row for row in after if row] == events[0 if start else 1 :]
        real = [read[0], *(row for row, told in zip(read[1:], after[start:], strict=False) if told)]
        assert real == events[: len(real)]
        predicted += [row for row in after if row]
        noise += len(read) - len(real)
    assert noise / len(predicted) == pytest.approx(0.3, abs=0.08)


def test_every_epoch_has_noise_of_its_own_and_the_seed_repeats_it(h):
    first, second = windows(h, 0.3, epochs=2)
    assert sorted(first) != sorted(second)
    assert [first, second] == windows(h, 0.3, epochs=2)
    assert sorted(first) != sorted(windows(h, 0.3, seed=4)[0])


def test_what_noise_makes_too_long_loses_its_oldest_events(h):
    (found,) = windows(h, 0.9, start=True)
    assert max(len(read) for _, read, _ in found) == 10
    for user, read, after in found:
        events = (h.of(user) + 1).tolist()
        predicted = [row for row in after if row]
        assert " ".join(map(str, predicted)) in " ".join(map(str, events))  # in one piece
        if after[0]:  # else the window does not begin with the user
            assert after[0] == events[0] == read[0]


def test_the_context_beside_noise_is_that_of_the_events_to_predict(h):
    rows = np.arange(len(h.item) + 1)
    context = ItemContent(None, rows[:, None].astype(np.float32), rows[:, None].astype(np.int32))
    for inputs, following in next_item_batches(h, 10, 64, 0, context=context, noise=0.5).as_numpy_iterator():
        content, there = inputs["context"][0], following > 0
        np.testing.assert_array_equal(h.item[content[there][:, 0].astype(int) - 1], following[there] - 1)
