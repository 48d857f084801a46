"""Bots and bulk buyers among ordinary users: who is found, and for what."""

import numpy as np
import pandas as pd
import pytest

from tfrec.config import DataConfig
from tfrec.data.abnormal_users import FAR, TRAITS, describe_abnormal, find_abnormal
from tfrec.data.dataset import Dataset, make_dataset
from tfrec.data.histories import histories
from tfrec.data.worth import learn_worth

PEOPLE, ITEMS = 200, 400
BOTS = {"activity": "reads all", "haste": "in no time", "repetition": "one thing", "taste": "at random"}


@pytest.fixture(scope="module")
def crowd() -> Dataset:
    """People take 6 to 30 items, popular ones rather; each bot is odd in one way alone."""
    rng = np.random.default_rng(0)
    popularity = 1 / np.arange(1, ITEMS // 2 + 1)
    popularity /= popularity.sum()
    taken = {
        f"p{n}": rng.choice(ITEMS // 2, rng.integers(6, 30), replace=False, p=popularity)
        for n in range(PEOPLE)
    }
    taken[BOTS["activity"]] = np.concatenate([taken[f"p{n}"] for n in range(0, 60)])
    taken[BOTS["activity"]] = np.unique(taken[BOTS["activity"]])
    taken[BOTS["haste"]] = taken["p0"]
    taken[BOTS["repetition"]] = np.repeat(taken["p1"][:3], 4)
    taken[BOTS["taste"]] = ITEMS // 2 + rng.choice(ITEMS // 2, 20, replace=False)
    rows = [
        (name, f"i{item}", 0 if name == BOTS["haste"] else n)
        for name, some in taken.items()
        for n, item in enumerate(some)
    ]
    table = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    return make_dataset(table, pd.DataFrame({"item_id": [f"i{n}" for n in range(ITEMS)]}))


def test_each_bot_is_found_for_what_it_does(crowd):
    user, item, time = crowd.coded_interactions()
    abnormality = find_abnormal(user, item, time, users=len(crowd.user_ids))
    number = {name: place for place, name in enumerate(crowd.user_ids)}
    for column, (trait, bot) in enumerate(zip(TRAITS, BOTS.values(), strict=True)):
        assert abnormality.distance[number[BOTS[trait]]].argmax() == column, trait
        assert abnormality.distance[number[bot], column] > FAR
    assert abnormality.found.sum() <= len(BOTS) + 0.02 * PEOPLE


def test_the_distance_is_in_robust_deviations():
    """Events 1, 3, 7, 15, 31: log(1 + n) = 1 … 5 times log 2, so that median and deviation are 3 and 1 of these."""
    events = np.array([1, 3, 7, 15, 31])
    user = np.repeat(np.arange(5), events)
    item = np.concatenate([np.arange(n) for n in events])
    distance = find_abnormal(user, item, np.arange(len(user), dtype=float), users=5).distance[:, 0]
    expected = (np.arange(1, 6) - 3) * np.log(2) / max(1.4826 * np.log(2), TRAITS["activity"])
    np.testing.assert_allclose(distance, expected)


def test_users_without_events_are_not_judged():
    judged = find_abnormal(np.array([0, 2]), np.array([1, 1]), np.zeros(2), users=4)
    assert np.isfinite(judged.distance).all()
    assert not judged.found.any()


def test_their_weight_is_lowered_and_that_of_nobody_else(crowd):
    whole = histories(crowd)
    assert learn_worth(crowd, whole, whole, DataConfig()) is None
    worth = learn_worth(crowd, whole, whole, DataConfig(abnormal=0.2))
    user, item, time = crowd.coded_interactions()
    found = find_abnormal(user, item, time, users=len(crowd.user_ids)).found
    np.testing.assert_allclose(worth.weight[1:], np.where(found[user], 0.2, 1))
    np.testing.assert_array_equal(worth.grade, 1)


def test_the_description_names_them(crowd):
    told = "\n".join(describe_abnormal(crowd))
    assert all(bot in told for bot in BOTS.values())
    assert "data.abnormal=0.2" in told


def test_a_crowd_without_bots_is_told_as_such(crowd):
    people = crowd.interactions[crowd.interactions["user_id"].isin([f"p{n}" for n in range(40)])]
    alike = people.groupby("user_id").head(6)
    told = [*describe_abnormal(make_dataset(alike, crowd.items))]
    assert told == ["none stands out"]
