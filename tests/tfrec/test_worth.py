"""Event weights and ratings end to end, in a world in which they say the opposite of how often things happen."""

import pandas as pd
import pytest

from tests.tiny_world import tiny_config
from tfrec.data.dataset import Dataset, make_dataset
from tfrec.data.histories import histories
from tfrec.data.item_content import learn_content
from tfrec.data.worth import learn_worth
from tfrec.ranking.fit import fit_ranker
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


def learned(shop: Dataset, *settings: str) -> tuple[dict[str, float], dict[str, float]]:
    """The ranker's scores of both and their labels, on average over the lists that hold them."""
    config = tiny_config("none", "ranking.epochs=30", "ranking.patience=30", *settings)
    past, content = histories(shop), learn_content(shop, None)
    worth = learn_worth(shop, past, past, config.data)
    recalled = learn_recall(past, content, config, epochs=2)
    lists, tables = learning_lists(Recalled(*recalled[:5], worth), content, config)
    told = fit_ranker(lists, tables, config.ranking, seed=0)(lists.inputs).numpy()
    held = {
        name: lists.inputs["candidates"] == 1 + shop.item_ids.tolist().index(name)
        for name in (LOOKED, BOUGHT)
    }
    return tuple({name: float(v[where].mean()) for name, where in held.items()} for v in (told, lists.labels))


@pytest.mark.parametrize("loss", ["listwise", "pairwise", "pointwise"])
def test_a_purchase_may_outweigh_more_looks(shop, loss):
    plain, _ = learned(shop, f"ranking.loss={loss}")
    assert plain[LOOKED] > plain[BOUGHT]
    weighed, _ = learned(shop, f"ranking.loss={loss}", "data.event_weights={view: 1, purchase: 20}")
    assert weighed[BOUGHT] > weighed[LOOKED]


def test_ratings_are_predicted(shop):
    """The lowest rating has grade 0, the highest 1; what was not taken is 0 as well."""
    told, labels = learned(shop, "ranking.loss=pointwise_squared", "data.ratings=global", "data.winsorise=0")
    assert labels[LOOKED] == 0 < labels[BOUGHT]
    assert told == pytest.approx(labels, abs=0.06)
