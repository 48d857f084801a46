"""Profiles and moments: what is a number, what a category, and what time tells."""

import numpy as np
import pandas as pd
import pytest

from tfrec.data.dataset import DatasetError, make_dataset
from tfrec.data.histories import histories
from tfrec.data.user_side import (
    GAP,
    HOUR,
    WEEKDAY,
    UserSide,
    context_columns,
    context_kind,
    learn_user_side,
    time_columns,
)
from tfrec.schema import Role

HOURS = 3600
MONDAY = 1_600_041_600  # 2020-09-14, 0:00
ROWS = pd.DataFrame(
    {
        "user_id": ["u", "v", "u", "u", "v"],
        "item_id": ["a", "a", "b", "a", "c"],  # the fourth repeats the first
        "timestamp": [
            MONDAY,
            MONDAY + 9 * HOURS,
            MONDAY + 25 * HOURS,
            MONDAY + 26 * HOURS,
            MONDAY + 9 * HOURS,
        ],
        "device": ["tv", None, "phone", "tv", "tv"],
        "heat": [20.5, np.nan, 19.0, 22.0, 18.5],
        "rating": [1, 2, 3, 4, 5],
    }
)
ITEMS = pd.DataFrame({"item_id": ["a", "b", "c"]})
USERS = pd.DataFrame({"user_id": ["v", "w"], "country": ["NL", "DE"], "age": [30.0, np.nan]})
ROLES = {"device": Role.CONTEXT, "heat": Role.CONTEXT, "country": Role.CATEGORICAL}


def dataset(rows=ROWS, users=USERS):
    return make_dataset(rows, ITEMS, users, roles=ROLES)


def learned(data, **options) -> UserSide:
    return learn_user_side(data, histories(data), None, **options)


def test_a_moment_is_found_by_its_event():
    data = dataset()
    side, h = learned(data), histories(data)
    events = [h.event[h.start[user] + place] for user, place in ((0, 1), (1, 0))]  # u's second, v's first
    content, category = side.context_of(np.array([*events, -1]))
    devices = [side.context.spec.vocabulary[row[0] - 1] if row[0] else None for row in category]
    assert devices == ["device=phone", None, None]
    np.testing.assert_array_equal(content[:, 1], [1, 0, 0])  # whether the heat is known
    mean, deviation = np.nanmean(ROWS["heat"]), np.nanstd(ROWS["heat"])
    np.testing.assert_allclose(content[:, 0], [(19.0 - mean) / deviation, 0, 0], atol=1e-6)


def test_profiles_follow_users_and_the_unknown_have_none():
    data = dataset()
    assert data.user_ids.tolist() == ["u", "v", "w"]
    profile = learned(data).profile
    assert profile.spec.vocabulary == ("country=DE", "country=NL")
    assert profile.category[:, 0].tolist() == [0, 0, 2, 1]
    assert profile.table[:, 1].tolist() == [0, 0, 1, 0]  # only of v an age is known


def test_data_without_columns_has_no_user_side():
    side = learned(make_dataset(ROWS[["user_id", "item_id", "timestamp"]], ITEMS, USERS[["user_id"]]))
    assert (side.profile, side.context, side.knows_more, side.context_of(np.array([0]))) == (
        None,
        None,
        False,
        None,
    )


@pytest.mark.parametrize(
    ("values", "role"),
    [
        (["a", "b"], Role.CATEGORICAL),
        ([1, 2, 7], Role.CATEGORICAL),
        ([1.0, np.nan, 7.0], Role.CATEGORICAL),
        ([0.5, 1.0], Role.NUMBER),
        (list(range(100)), Role.NUMBER),
        (pd.to_datetime(["2020-01-01", "2020-01-02"]), Role.NUMBER),
    ],
)
def test_what_a_context_column_holds(values, role):
    assert context_kind(pd.Series(values)) == role


def test_whole_numbers_of_few_values_are_read_as_words():
    rows, roles = context_columns(dataset(ROWS.assign(heat=[3.0, np.nan, 1.0, 3.0, 2.0])))
    assert sorted(rows["heat"]) == ["", "1", "2", "3", "3"]
    assert roles["heat"] == Role.CATEGORICAL


def test_time_tells_hour_weekday_and_the_gap():
    data = dataset()
    columns, h = time_columns(data, histories(data)), histories(data)  # u: a, b; v: a, c
    order = data.interactions["timestamp"].to_numpy()
    stamps = [pd.Timestamp(t, unit="s") for t in order]
    assert columns[HOUR] == [str(t.hour) for t in stamps]
    assert columns[WEEKDAY] == [str(t.weekday()) for t in stamps]
    known = {event: int(power) for event, power in enumerate(columns[GAP]) if power}
    assert known == {h.event[1]: 16, h.event[3]: 0}  # 2^16 s < 25 hours < 2^17 s; at the same time


@pytest.mark.parametrize("power", range(0, 30, 3))
def test_a_gap_counts_in_powers_of_two(power):
    rows = ROWS.assign(timestamp=[MONDAY, MONDAY, MONDAY + 2**power - 1, MONDAY + 2**30, MONDAY + 2**power])
    data = dataset(rows)
    h = histories(data)
    assert time_columns(data, h)[GAP][h.event[1]] == str(power)  # 1 + the gap is the power


def test_time_that_is_no_time_is_refused():
    with pytest.raises(DatasetError, match=r"needs timestamps in unix seconds. Received: 1 to 5"):
        learned(dataset(ROWS.assign(timestamp=[1, 2, 3, 4, 5])), time=True)
    spec = learned(dataset(), time=True).context.spec
    assert (spec.categorical, list(spec.numbers)) == (("device", HOUR, WEEKDAY, GAP), ["heat"])


def test_context_that_was_only_guessed_is_named(caplog):
    rows = ROWS.assign(heat=[20.5, 21.0, 19.0, 22.0, 18.5])
    learned(make_dataset(rows, ITEMS, roles={"device": Role.CONTEXT}))
    (record,) = caplog.records
    assert "inferred: heat." in record.getMessage()
    caplog.clear()
    learned(dataset())
    assert not caplog.records
