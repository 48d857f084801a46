"""What `tfrec data` prints."""

import numpy as np
import pandas as pd
import pytest

from tfrec.data.dataset import load_dataset, make_dataset
from tfrec.data.describe import describe

DAY = 24 * 60 * 60


def dataset_at(times):
    rows = pd.DataFrame({"user_id": ["u"] * len(times), "item_id": [f"i{n}" for n in range(len(times))]})
    return make_dataset(
        rows.assign(timestamp=times), pd.DataFrame({"item_id": ["i0", "i1"], "title": ["A B", "C"]})
    )


def test_sizes_roles_and_findings_are_told(folder):
    folder.complete()
    rows = "u,a,1\nu,b,2\nv,x,3\nw,a,4\nv,,3\n"
    told = describe(load_dataset(folder.write("interactions.csv", "user_id,item_id,timestamp\n" + rows)))
    assert "3 users, 3 items (3 of them met), 4 interactions" in told
    assert f"density {4 / (3 * 3):.3%}" in told
    # histories of 2, 1 and 1 items; texts of 5, 4 and 0 words
    assert "median history 1 items, median item text 4 words" in told
    assert "items.title   text         named title, 3.0 words on average" in told
    assert "1  interactions with an empty item_id: dropped" in told
    assert "1  items that only interactions know" in told


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (0 + 20_000 * DAY, 20_001 * DAY, "from 2024-10-04 to 2024-10-05"),
        (20_000 * DAY * 1000, 20_001 * DAY * 1000, "look like milliseconds"),
        (0, 10, "order numbers from 0 to 10"),
    ],
)
def test_times_are_told_as_what_they_look_like(first, last, words):
    assert words in describe(dataset_at([first, last]))


def test_a_dataset_of_ids_only_says_so():
    rows = pd.DataFrame({"user_id": ["u"], "item_id": ["i"], "timestamp": np.array([1])})
    assert "none beyond the ids" in describe(make_dataset(rows, rows[["item_id"]]))
