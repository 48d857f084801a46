import math
import string

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.records import Kind, encode, kind_of, read_table, write_table

# every character that UTF-8 can carry
WORDS = st.one_of(st.none(), st.text(st.characters(exclude_categories=("Cs",)), max_size=30))
WHOLE = st.one_of(st.none(), st.integers(-(2**53) + 1, 2**53 - 1).map(float))
FLOATS = st.one_of(st.none(), st.floats(width=32, allow_nan=False, allow_infinity=False))
TIMES = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))


def round_trip(tmp_path, table, kinds):
    path = tmp_path / "rows" / "part.tfrecord.gz"
    write_table(table, kinds, path)
    return read_table([path], kinds)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["a", None], Kind.TEXT),
        ([1, 2], Kind.INTEGER),
        ([1.0, math.nan], Kind.INTEGER),
        ([0.1, math.nan], Kind.FLOAT),
        ([math.nan], Kind.INTEGER),
        ([2.0**60], Kind.FLOAT),
        ([np.array([0.1, 0.2], np.float32), None], Kind.VECTOR),
        (pd.to_datetime(["2024-01-01"]), Kind.INTEGER),
        (pd.array([1, None], "Int16"), Kind.INTEGER),
    ],
)
def test_the_kind_follows_the_values(values, kind):
    assert kind_of(pd.Series(values)) == kind


def test_times_are_never_rounded():
    times = pd.Series([1_700_000_000.25])
    assert kind_of(times, exact=True) == Kind.DECIMAL
    assert float(np.float32(times[0])) != times[0]


@settings(deadline=None, max_examples=15)
@given(st.lists(st.tuples(WORDS, WHOLE, FLOATS, TIMES), min_size=1, max_size=8))
def test_rows_come_back_as_they_were(tmp_path_factory, rows):
    words, whole, floats, times = zip(*rows, strict=True)
    table = pd.DataFrame(
        {
            "words": pd.Series(words, dtype="str"),
            "whole": pd.Series(whole, dtype=float),
            "floats": pd.Series(floats, dtype=float),
            "times": pd.Series(times, dtype=float),
        }
    )
    kinds = {"words": Kind.TEXT, "whole": Kind.INTEGER, "floats": Kind.FLOAT, "times": Kind.DECIMAL}
    pd.testing.assert_frame_equal(round_trip(tmp_path_factory.mktemp("records"), table, kinds), table)


def test_vectors_come_back_and_a_missing_one_is_empty(tmp_path):
    vector = np.array([0.25, -1.5], np.float32)
    (first, second) = round_trip(
        tmp_path, pd.DataFrame({"v": pd.Series([vector, None])}), {"v": Kind.VECTOR}
    )["v"]
    np.testing.assert_array_equal(first, vector)
    assert second.size == 0


def test_other_numbers_are_rounded_as_float32(tmp_path):
    (value,) = round_trip(tmp_path, pd.DataFrame({"price": [12.99]}), {"price": Kind.FLOAT})["price"]
    assert value == float(np.float32(12.99))


def test_a_record_is_an_example_that_others_can_read():
    table = pd.DataFrame({"title": ["tea"], "year": [1995], "price": [0.5], "tags": [None]})
    kinds = {"title": Kind.TEXT, "year": Kind.INTEGER, "price": Kind.FLOAT, "tags": Kind.TEXT}
    (record,) = encode(table, kinds)
    feature = tf.train.Example.FromString(record).features.feature
    assert list(feature["title"].bytes_list.value) == [b"tea"]
    assert list(feature["year"].int64_list.value) == [1995]
    assert list(feature["price"].float_list.value) == [0.5]
    assert list(feature["tags"].bytes_list.value) == []


def test_parts_are_read_in_the_order_given(tmp_path):
    kinds, paths = {"word": Kind.TEXT}, [tmp_path / name for name in string.ascii_lowercase[:3]]
    for path in paths:
        write_table(pd.DataFrame({"word": [path.name]}), kinds, path)
    assert read_table(paths[::-1], kinds)["word"].to_list() == ["c", "b", "a"]


def test_a_table_without_rows_keeps_its_columns(tmp_path):
    table = pd.DataFrame({"word": pd.Series([], dtype="str")})
    assert list(round_trip(tmp_path, table, {"word": Kind.TEXT}).columns) == ["word"]
