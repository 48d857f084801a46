"""Both libraries learn the same sequences in about as many steps, and a turn is measured alike."""

import numpy as np
import pytest

from benchmarks import training_speed
from tfrec.data.histories import Histories
from tfrec.data.pipeline import next_item_batches

LENGTHS = np.random.default_rng(0).integers(1, 30, 400)
START = np.concatenate([[0], np.cumsum(LENGTHS)])
PAST = Histories(np.arange(START[-1], dtype=np.int32) % 50, START, np.zeros(START[-1]))


def test_the_last_events_of_each_user_are_one_sequence() -> None:
    last = training_speed.last_events(PAST, 5)
    for user in range(len(PAST)):
        assert last.of(user).tolist() == PAST.of(user)[-6:].tolist()


@pytest.mark.parametrize("steps", [5, 20])
def test_an_epoch_has_about_the_steps_that_were_asked_for(steps: int) -> None:
    events = training_speed.events_for(PAST, 20, steps)
    taken = sum(1 for _ in next_item_batches(PAST, 20, events, 0))
    assert abs(taken - steps) <= 0.2 * steps + 1


def test_figures_are_medians_of_the_turns() -> None:
    turns = [
        {"sequences": 100, "seconds": seconds, "cpu_seconds": 2 * seconds, "warm_up_seconds": 1.0}
        for seconds in (1.0, 4.0, 50.0)
    ]
    median = training_speed.summary(turns)
    assert median["sequences_per_second"] == pytest.approx(100 / 4)
    assert median["cpu_ms_per_sequence"] == pytest.approx(1e3 * 8 / 100)


def test_the_table_holds_both_and_their_ratio() -> None:
    median = {"sequences_per_second": 300.0, "cpu_ms_per_sequence": 2.0, "warm_up_seconds": 1.0}
    slow = {"sequences_per_second": 100.0, "cpu_ms_per_sequence": 7.0, "warm_up_seconds": 1.0}
    result = {"tfrec": {"median": median}, "rectools": {"median": slow}, "ratio": 3.0, "cpu_ratio": 3.5}
    lines = training_speed.table(result).splitlines()
    assert "| tfrec | 300 | 2 | 1 |" in lines
    assert "| rectools | 100 | 7 | 1 |" in lines
    assert "| ratio | 3.00 | 3.50 | |" in lines
