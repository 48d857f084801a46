"""What interactions are worth: grades of events and ratings, from what lies before the targets alone."""

import numpy as np
import pandas as pd
import pytest

from tfrec.config import DataConfig, load_config
from tfrec.data.dataset import Dataset, make_dataset
from tfrec.data.errors import DatasetError
from tfrec.data.histories import histories
from tfrec.data.splits import split
from tfrec.data.worth import event_grades, learn_worth, rating_grades

ROWS = [  # two users look, put into the cart, buy; the last item of each is the test, the one before the validation
    ("u", "a", "view", 5.0), ("v", "a", "view", 1.0), ("u", "b", "view", 2.0), ("u", "a", "purchase", 4.0),
    ("v", "b", "cart", 3.0), ("u", "c", "view", 4.0), ("v", "c", "view", 2.0), ("u", "d", "purchase", 1.0),
    ("v", "d", "view", 5.0), ("u", "b", "purchase", 5.0), ("v", "e", "view", 3.0), ("u", "e", "cart", 2.0),
]  # fmt: skip
WEIGHTS = {"view": 1, "cart": 2, "purchase": 4}


@pytest.fixture(scope="module")
def shop() -> Dataset:
    rows = pd.DataFrame(ROWS, columns=["user_id", "item_id", "event", "rating"])
    items = pd.DataFrame({"item_id": [*"abcde"]})
    return make_dataset(rows.assign(timestamp=range(len(rows))), items)


def grades(shop: Dataset, part: str, **settings: object) -> dict[tuple[str, str], float]:
    """(user, item) → grade, of all that is in the histories of a part."""
    config = DataConfig.model_validate(settings)
    whole = histories(shop, config.repeats)
    past = getattr(split(whole), part)
    worth = learn_worth(shop, whole, past, config)
    assert worth is not None
    rows = shop.interactions.iloc[past.event]
    return {
        (row.user_id, row.item_id): float(grade)
        for row, grade in zip(rows.itertuples(), worth.grade[past.event + 1], strict=True)
    }


def test_without_settings_there_is_nothing_to_look_up(shop):
    whole = histories(shop)
    assert learn_worth(shop, whole, whole, DataConfig()) is None


def test_a_pair_is_worth_the_best_that_became_of_it_before_the_targets(shop):
    """u bought a after a look, before anything is asked; b only after the validation target d was met."""
    before = grades(shop, "train", event_weights=WEIGHTS)
    assert before == {
        ("u", "a"): 4 / 4, ("u", "b"): 1 / 4, ("u", "c"): 1 / 4,
        ("v", "a"): 1 / 4, ("v", "b"): 2 / 4, ("v", "c"): 1 / 4,
    }  # fmt: skip
    later = grades(shop, "refit", event_weights=WEIGHTS)
    assert later[("u", "b")] == 4 / 4
    assert later[("v", "d")] == 1 / 4


def test_with_repeats_each_event_keeps_its_own_grade(shop):
    whole = histories(shop, "keep")
    config = DataConfig(event_weights=WEIGHTS, repeats="keep")
    worth = learn_worth(shop, whole, split(whole).refit, config)
    assert worth.grade[1 + 0] == 1 / 4  # u looks at a
    assert worth.grade[1 + 3] == 4 / 4  # and buys it
    assert worth.grade[0] == worth.weight[0] == 1  # of no row


def test_an_event_without_a_weight_is_named(shop):
    with pytest.raises(DatasetError, match=r"must name every kind of event.*'cart'.* 0 if nothing"):
        event_grades(shop.interactions["event"], {"view": 1, "purchase": 2})


@pytest.mark.parametrize(
    ("settings", "column"), [({"event_weights": WEIGHTS}, "event"), ({"ratings": "user"}, "rating")]
)
def test_a_missing_column_is_named(shop, settings, column):
    rows = shop.interactions[["user_id", "item_id", "timestamp"]]
    bare = make_dataset(rows, shop.items)
    whole = histories(bare)
    with pytest.raises(DatasetError, match=f"needs a column '{column}'"):
        learn_worth(bare, whole, whole, DataConfig.model_validate(settings))


def test_ratings_are_clipped_at_their_quantiles():
    """11 ratings 0, 10, …: with a tenth clipped at each end, 10 is the lowest and 90 the highest."""
    rating = np.arange(0, 101, 10.0)
    expected = np.clip((rating - 10) / (90 - 10), 0, 1)
    np.testing.assert_allclose(rating_grades(rating, np.zeros(11, int), 0.1), expected)


def test_each_user_has_quantiles_of_their_own():
    """One outlier in a user's ratings is clipped to the others of that user."""
    rating, by = np.array([1.0, 1, 1, 1, 5, 3, 3, 3, 3, 5]), np.repeat([0, 1], 5)
    grade = rating_grades(rating, by, 0.25)
    np.testing.assert_allclose(grade, [0] * 5 + [1] * 5)
    assert rating_grades(rating, np.zeros(10, int), 0.0)[4] == 1


def test_what_nobody_rated_has_the_mean_grade():
    grade = rating_grades(np.array([1.0, np.nan, 5.0, 5.0]), np.zeros(4, int), 0.0)
    np.testing.assert_allclose(grade, [0, (0 + 1 + 1) / 3, 1, 1])
    np.testing.assert_array_equal(rating_grades(np.array([3.0, 3.0]), np.zeros(2, int), 0.1), [1, 1])


def test_ratings_after_the_targets_move_no_grade(shop):
    """The last rows are in no training history: whatever they say, the grades before stay."""
    loud = shop.interactions.assign(rating=[*shop.interactions["rating"][:8], 99.0, -99.0, 50.0, 7.0])
    other = make_dataset(loud, shop.items)
    assert grades(other, "train", ratings="global") == grades(shop, "train", ratings="global")


def test_settings_come_from_the_command_line():
    config = load_config(None, ["data.event_weights={view: 1, purchase: 5}", "data.ratings=user"])
    assert config.data.event_weights == {"view": 1, "purchase": 5}
    with pytest.raises(ValueError, match="weights are at least 0"):
        load_config(None, ["data.event_weights={view: -1}"])
