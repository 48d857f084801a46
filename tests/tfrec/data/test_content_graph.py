"""The graph reads a row as the tables were made offline."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tiny_world import ROLES, tiny_dataset
from tfrec.data.content_graph import ContentGraph
from tfrec.data.dataset import Dataset, make_dataset
from tfrec.data.item_content import SLOTS, ItemContent, learn_content
from tfrec.data.item_text import clean_text, item_text
from tfrec.schema import Role, Schema

INTERACTIONS = pd.DataFrame({"user_id": ["u"], "item_id": ["a"], "timestamp": [1]})
WORDS = st.text(st.sampled_from("ab |.,é日<>&\n"), max_size=12).map(clean_text)


def encode(texts: tf.Tensor) -> tf.Tensor:
    """Stands for a language model: the length of a text and its hash."""
    numbers = tf.strings.to_hash_bucket_fast(texts, 1000)
    return tf.stack([tf.cast(tf.strings.length(texts), tf.float32), tf.cast(numbers, tf.float32)], 1)


def columns(dataset: Dataset) -> dict[str, tf.Tensor]:
    """The item columns as the inputs of `embed_item`."""
    found = {}
    for column, role in dataset.schema.items.items():
        values = dataset.items[column]
        text = role not in (Role.NUMBER, Role.VECTOR)
        found[column] = tf.constant(values.to_list()) if text else tf.constant(np.stack(values), tf.float32)
    return found


def offline(dataset: Dataset) -> ItemContent:
    return learn_content(dataset, encode(tf.constant(dataset.item_texts())).numpy())


def online(dataset: Dataset, content: ItemContent) -> tuple[np.ndarray, list[list[int]]]:
    """The table, and the ids of each item without the padding between them."""
    graph = ContentGraph(dataset.schema.items, content.spec)
    table, ids = graph(encode, columns(dataset), tf.constant(len(dataset.item_ids)))
    return table.numpy(), [[i for i in row if i] for row in ids.numpy().tolist()]


def check_same(dataset: Dataset) -> None:
    content = offline(dataset)
    table, ids = online(dataset, content)
    np.testing.assert_allclose(table, content.table[1:], rtol=1e-5, atol=1e-5)
    assert ids == [[i for i in row if i] for row in content.category[1:].tolist()]


def test_the_tiny_world():
    check_same(tiny_dataset())


def test_the_inputs_are_one_for_each_column_of_an_item():
    world = tiny_dataset()
    signature = ContentGraph(world.schema.items, offline(world).spec).signature()
    assert {name: (spec.dtype, spec.shape.as_list()) for name, spec in signature.items()} == {
        "title": (tf.string, [None]),
        "genres": (tf.string, [None]),
        "maker": (tf.string, [None]),
        "price": (tf.float32, [None]),
        "image": (tf.float32, [None, 3]),
    }
    assert list(signature) == list(ROLES)


def test_ignored_columns_are_no_input():
    schema = Schema(items={"title": Role.TEXT, "url": Role.IGNORE})
    world = tiny_dataset()
    assert list(ContentGraph(schema.items, offline(world).spec).signature()) == ["title"]


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(WORDS, WORDS, WORDS), min_size=1, max_size=20))
def test_texts_are_joined_as_offline(rows):
    schema = Schema(items={"title": Role.TEXT, "genres": Role.CATEGORY, "maker": Role.CATEGORICAL})
    graph = ContentGraph(schema.items, offline(tiny_dataset()).spec)
    given_columns = {name: tf.constant([row[i] for row in rows]) for i, name in enumerate(schema.items)}
    expected = [item_text(dict(zip(schema.items, row, strict=True))) for row in rows]
    assert [text.decode() for text in graph.text(given_columns, tf.constant(len(rows))).numpy()] == expected


@settings(max_examples=12, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from(["a", " b", "c ", "", "a b", "é"]), max_size=4), min_size=1, max_size=20
    )
)
def test_categories_are_the_ids_offline(rows):
    items = pd.DataFrame(
        {"item_id": [f"i{n}" for n in range(len(rows))], "genres": ["|".join(row) for row in rows]}
    )
    dataset = make_dataset(INTERACTIONS, items, roles={"genres": Role.CATEGORY})
    content = offline(dataset)
    assert online(dataset, content)[1] == [[i for i in row if i] for row in content.category[1:].tolist()]


def test_an_item_of_very_many_categories_is_cut_as_offline():
    many = "|".join(f"c{n:02}" for n in range(SLOTS + 4))
    items = pd.DataFrame({"item_id": ["a", "b"], "genres": [many, "c03|new"], "maker": ["x", "x"]})
    check_same(make_dataset(INTERACTIONS, items, roles={"genres": Role.CATEGORY, "maker": Role.CATEGORICAL}))


def test_unknown_categories_are_nothing():
    world = tiny_dataset()
    graph = ContentGraph(world.schema.items, offline(world).spec)
    assert graph.category_ids(tf.constant(["space", "Space", "", "ada"])).numpy().tolist()[1:] == [0, 0, 0]
    assert graph.category_ids(tf.constant(["ada"]), "maker").numpy()[0] > 0


@pytest.mark.parametrize("missing", [np.nan, np.inf])
def test_a_missing_number_is_the_mean_and_said_to_be_missing(missing):
    world = tiny_dataset()
    content = offline(world)
    graph = ContentGraph(world.schema.items, content.spec)
    one = {name: values[:1] for name, values in columns(world).items()}
    table, _ = graph(encode, {**one, "price": tf.constant([missing], tf.float32)}, tf.constant(1))
    np.testing.assert_array_equal(table[0, 2:4], [0, 0])


@pytest.mark.parametrize("missing", [[0.0, 0.0, 0.0], [np.nan] * 3, [1.0, np.nan, 2.0], [np.inf, 0.0, 0.0]])
def test_a_missing_vector_is_zeros_and_said_to_be_missing(missing):
    """As offline, where null is no vector; one with NaN is none either, for it may spoil no other request."""
    world = tiny_dataset()
    graph = ContentGraph(world.schema.items, offline(world).spec)
    two = {name: values[:2] for name, values in columns(world).items()}
    images = tf.constant([missing, [1.0, 1.0, 0.1]], tf.float32)
    table, _ = graph(encode, {**two, "image": images}, tf.constant(2))
    assert table[:, 4].numpy().tolist() == [0, 1]
    np.testing.assert_array_equal(table[0, 5:], [0, 0, 0])
    np.testing.assert_allclose(table[1, 5:] / table[1, 5], [1, 1, 0.1], rtol=1e-6)


def test_items_without_any_column_are_nothing():
    """A language model is there, but there is nothing to read."""
    dataset = make_dataset(INTERACTIONS, pd.DataFrame({"item_id": ["a", "b"]}))
    content = offline(dataset)
    table, ids = online(dataset, content)
    np.testing.assert_array_equal(table, encode(tf.constant(["", ""])))
    assert ids == [[], []]
