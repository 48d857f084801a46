"""Event weights and ratings end to end, in a world in which they say the opposite of how often things happen."""

from typing import Any

import pandas as pd
import pytest

from tests.tiny_world import tiny_config
from tfrec.config import Config
from tfrec.data.dataset import Dataset, make_dataset
from tfrec.data.histories import histories
from tfrec.data.item_content import learn_content
from tfrec.data.worth import learn_worth
from tfrec.ranking.learner import Learner
from tfrec.ranking.lists import TrainingLists
from tfrec.training import Recalled, learn_recall, learning_lists

USERS = 90
GOODS, LOOKED, BOUGHT = [f"good {n}" for n in range(5)], "looked at", "bought"


@pytest.fixture(scope="module")
def shop() -> Dataset:
    """Among other goods, at last or before, all look at one thing, or buy another, which is half as frequent."""
    rows = []
    for user in range(USERS):
        item, event, rating = (BOUGHT, "purchase", 5.0) if user % 3 == 0 else (LOOKED, "view", 1.0)
        walk = [(GOODS[(user + step) % len(GOODS)], "view", 3.0) for step in range(3)]
        walk.insert(3 if user % 2 else 1, (item, event, rating))
        rows += [(f"u{user}", *step) for step in walk]
    table = pd.DataFrame(rows, columns=["user_id", "item_id", "event", "rating"])
    items = pd.DataFrame({"item_id": [*GOODS, LOOKED, BOUGHT]})
    return make_dataset(table.assign(timestamp=range(len(table))), items)


def settings_of(*settings: str) -> Config:
    """Distance within a history tells here who buys and who looks: without it worth alone decides."""
    plain = ("ranking.epochs=30", "ranking.patience=30", "retrieval.distance_discount=0")
    return tiny_config("none", *plain, *settings)


@pytest.fixture(scope="module")
def recalled(shop: Dataset) -> Recalled:
    """Recall, which is told of no worth: what is asked is the ranker's order."""
    return learn_recall(histories(shop), learn_content(shop, None), settings_of(), epochs=2)


def lists_of(shop: Dataset, recalled: Recalled, *settings: str) -> tuple[TrainingLists, tuple[Any, Any]]:
    """What ranking learns from under settings, and the tables of its candidates."""
    config = settings_of(*settings)
    worth = learn_worth(shop, recalled.known, recalled.known, config.data)
    return learning_lists(recalled._replace(worth=worth), learn_content(shop, None), config)


def learned(
    shop: Dataset, learner: Learner, lists: TrainingLists
) -> tuple[dict[str, float], dict[str, float]]:
    """The ranker's scores of both and their labels, on average over the lists that hold them."""
    told = learner.fit(lists, seed=0)(lists.inputs).numpy()
    held = {
        name: lists.inputs["candidates"] == 1 + shop.item_ids.tolist().index(name)
        for name in (LOOKED, BOUGHT)
    }
    return tuple({name: float(v[where].mean()) for name, where in held.items()} for v in (told, lists.labels))


@pytest.mark.parametrize("loss", ["listwise", "pairwise", "pointwise"])
def test_a_purchase_may_outweigh_more_looks(shop, recalled, loss):
    setting = f"ranking.loss={loss}"
    lists, tables = lists_of(shop, recalled, setting)
    learner = Learner(tables, settings_of(setting).ranking)
    plain, _ = learned(shop, learner, lists)
    assert plain[LOOKED] > plain[BOUGHT]
    lists, _ = lists_of(shop, recalled, setting, "data.event_weights={view: 1, purchase: 20}")
    weighed, _ = learned(shop, learner, lists)
    assert weighed[BOUGHT] > weighed[LOOKED]


def test_ratings_are_predicted(shop, recalled):
    """The lowest rating has grade 0, the highest 1; what was not taken is 0 as well."""
    settings = "ranking.loss=pointwise_squared", "data.ratings=global", "data.winsorise=0"
    lists, tables = lists_of(shop, recalled, *settings)
    told, labels = learned(shop, Learner(tables, settings_of(*settings).ranking), lists)
    assert labels[LOOKED] == 0 < labels[BOUGHT]
    assert told == pytest.approx(labels, abs=0.06)
