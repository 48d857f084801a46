"""Content tables by hand."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.tiny_world import COLD, GHOST, tiny_dataset
from tfrec.data.dataset import make_dataset
from tfrec.data.item_content import SLOTS, ContentSpec, apply_spec, learn_content
from tfrec.schema import Role

ITEMS = pd.DataFrame(
    {
        "item_id": ["a", "b", "c"],
        "price": [1.0, np.nan, 4.0],
        "weight": [2.0, 2.0, 2.0],
        "genres": ["Drama|Crime", " Crime | ", ""],
        "maker": ["Crime", "x", "x"],
        "image": [[1.0, 2.0], None, [3.0, 4.0]],
    }
)
ROLES = {
    "price": Role.NUMBER, "weight": Role.NUMBER, "genres": Role.CATEGORY, "maker": Role.CATEGORICAL,
    "image": Role.VECTOR,
}  # fmt: skip
INTERACTIONS = pd.DataFrame({"user_id": ["u", "u"], "item_id": ["a", "b"], "timestamp": [1, 2]})
LENGTH = np.sqrt(((1 + 4) + (9 + 16)) / 2)  # root mean square of the two images
TEXT = np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]], np.float32)


def dataset(items: pd.DataFrame = ITEMS, **roles: Role):
    return make_dataset(INTERACTIONS, items, roles=roles or ROLES)


def test_each_block_by_hand():
    """Language, then for each number its z-score and whether it is known, then which vectors are known, then these."""
    content = learn_content(dataset(), TEXT)
    z = (1 - 2.5) / 1.5  # prices 1 and 4: mean 2.5, deviation 1.5
    expected = [
        [0, 0, 0, 0, 0, 0, 0, 0, 0],  # row 0 is padding
        [1, 0, z, 1, 0, 1, 1, 1 / LENGTH, 2 / LENGTH],
        [0, 1, 0, 0, 0, 1, 0, 0, 0],
        [0.6, 0.8, -z, 1, 0, 1, 1, 3 / LENGTH, 4 / LENGTH],
    ]
    np.testing.assert_allclose(content.table, expected, rtol=1e-6)
    assert content.table.dtype == np.float32
    assert content.spec.content_dim == 9
    np.testing.assert_array_equal(content.language[1:], TEXT)
    np.testing.assert_allclose(
        content.vectors[1:],
        [[1, 0, 1 / LENGTH, 2 / LENGTH], [0, 1, 0, 0], [0.6, 0.8, 3 / LENGTH, 4 / LENGTH]],
        rtol=1e-6,
    )


def test_categories_are_ids_of_column_and_value():
    content = learn_content(dataset(), None)
    assert content.spec.vocabulary == ("genres=Crime", "genres=Drama", "maker=Crime", "maker=x")
    assert content.category.tolist() == [[0, 0, 0], [2, 1, 3], [1, 4, 0], [4, 0, 0]]
    assert content.spec.text_dim == 0
    assert content.language.shape == (4, 0)


def test_the_spec_round_trips_through_json():
    spec = learn_content(dataset(), TEXT).spec
    assert ContentSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_new_items_are_read_under_the_old_spec():
    spec = learn_content(dataset(), TEXT).spec
    new = pd.DataFrame(
        {
            "price": [7.0],
            "weight": [np.nan],
            "genres": ["Drama|Opera"],
            "maker": ["new"],
            "image": [np.array([5.0, 6.0])],
        }
    )
    content = apply_spec(spec, new, TEXT[:1])
    np.testing.assert_allclose(content.table[1], [1, 0, 3, 1, 0, 0, 1, 5 / LENGTH, 6 / LENGTH], rtol=1e-6)
    assert content.category.tolist() == [[0], [2]]  # Opera and the new maker are unknown


def test_a_catalogue_is_extended_below():
    """What was there stays as it was; new values of categories get new ids, which new items share."""
    old = learn_content(dataset(), TEXT)
    new = pd.DataFrame(
        {
            "price": [7.0, np.nan],
            "weight": [2.0, 2.0],
            "genres": ["Opera|Drama", "Crime|Drama|Opera"],
            "maker": ["new", "x"],
            "image": [np.zeros(2), np.array([5.0, 6.0])],
        }
    )
    whole = old.extended(new, TEXT[:2])
    np.testing.assert_array_equal(whole.table[: len(old.table)], old.table)
    np.testing.assert_array_equal(whole.category[: len(old.table), :3], old.category)
    assert whole.spec.vocabulary == (*old.spec.vocabulary, "genres=Opera", "maker=new")
    assert whole.category[-2:].tolist() == [[5, 2, 6, 0], [1, 2, 5, 4]]
    np.testing.assert_allclose(whole.table[-2:], apply_spec(old.spec, new, TEXT[:2]).table[1:])
    assert (old.added, whole.added, whole.extended(new, TEXT[:2]).added) == (0, 2, 4)
    words = replace(old, lexical=np.eye(4)).extended(new, TEXT[:2], np.eye(2, 4)).lexical
    np.testing.assert_array_equal(words, np.concatenate([np.eye(4), np.eye(2, 4)]))


def test_vectors_of_any_scale_weigh_alike():
    many = [[float(n), 1.0] for n in range(3)]
    small, large = (
        learn_content(dataset(ITEMS.assign(image=[[scale * x for x in row] for row in many])), None)
        for scale in (1e-3, 1e4)
    )
    np.testing.assert_allclose(small.vectors, large.vectors, rtol=1e-5)
    np.testing.assert_allclose(np.square(small.vectors[1:]).sum(1).mean(), 1, rtol=1e-5)


def test_no_vector_is_known():
    zeros = learn_content(dataset(ITEMS.assign(image=[[0.0, 0.0], None, None])), None)
    np.testing.assert_array_equal(zeros.table[:, -3:], 0)


def test_an_item_keeps_its_first_categories():
    names = "|".join(f"c{n:02}" for n in range(SLOTS + 4))
    content = learn_content(dataset(ITEMS.assign(genres=[names, "", ""])), None)
    assert content.category[1].tolist() == list(range(1, SLOTS + 1))


def test_nothing_is_known_of_any_item():
    items = ITEMS[["item_id"]]
    content = learn_content(make_dataset(INTERACTIONS, items), None)
    assert content.table.shape == (4, 0)
    assert content.category.tolist() == [[0]] * 4
    assert content.spec.content_dim == 0
    assert content.spec.vocabulary == ()


@pytest.mark.parametrize("odd", [np.inf, -np.inf, 1e300])
def test_a_number_beyond_all_bounds_spoils_nothing(odd):
    content = learn_content(dataset(ITEMS.assign(price=[1.0, odd, 4.0])), None)
    assert np.isfinite(content.table).all()


def test_no_number_is_known():
    content = learn_content(dataset(ITEMS.assign(price=np.nan)), None)
    np.testing.assert_array_equal(content.table[:, :2], 0)


def test_the_tiny_world():
    world = tiny_dataset()
    content = learn_content(world, None)
    rows = dict(zip(world.item_ids, range(1, 99), strict=False))
    assert content.table.shape == (len(world.item_ids) + 1, 2 + 1 + 3)
    assert not content.table[rows[GHOST]].any()  # known by behaviour only
    assert content.table[rows[COLD], 1] == 0  # its price is unknown
    assert content.category[rows[GHOST]].tolist() == [0, 0, 0]
