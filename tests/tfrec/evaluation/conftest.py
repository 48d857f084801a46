"""Small histories to evaluate on, written as lists."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from tfrec.data.histories import Histories
from tfrec.data.splits import Targets

MakeHistories = Callable[[Sequence[Sequence[int]]], Histories]


@pytest.fixture
def make_histories() -> MakeHistories:
    def make(items: Sequence[Sequence[int]], times: Sequence[float] | None = None) -> Histories:
        flat = np.array([item for own in items for item in own], np.int32)
        start = np.cumsum([0, *(len(own) for own in items)])
        return Histories(
            flat, start, np.arange(len(flat), dtype=float) if times is None else np.array(times, float)
        )

    return make


@pytest.fixture
def make_targets() -> Callable[[dict[int, int]], Targets]:
    return lambda item_of: Targets(np.array([*item_of], np.int32), np.array([*item_of.values()], np.int32))
