"""The form that a role promises."""

import numpy as np
import pandas as pd
import pytest

from tfrec.data.columns import as_role
from tfrec.data.errors import DatasetError
from tfrec.schema import Role


def column(values, **options):
    return pd.Series(values, index=[f"i{n}" for n in range(len(values))], name="x", **options)


@pytest.mark.parametrize("role", [Role.TEXT, Role.CATEGORY, Role.CATEGORICAL])
def test_strings_have_no_gaps(role):
    strings, report = as_role(column(["a", None, "", "b|c"]), role, "items")
    assert strings.tolist() == ["a", "", "", "b|c"]
    assert not report.findings


def test_whole_numbers_become_words_without_a_point():
    assert as_role(column([12.0, np.nan, 0.5, 1e6]), Role.CATEGORICAL, "items")[0].tolist() == [
        "12",
        "",
        "0.5",
        "1000000",
    ]
    assert as_role(column([3, 4]), Role.CATEGORY, "items")[0].tolist() == ["3", "4"]


def test_numbers_are_floats_and_others_are_counted_as_missing():
    numbers, report = as_role(column(["1.5", "about 2", "", None, "inf"]), Role.NUMBER, "items")
    np.testing.assert_array_equal(numbers, [1.5, np.nan, np.nan, np.nan, np.nan])
    assert report.counts == {"items.x: not a number": 2}


def test_times_as_numbers_are_unix_seconds():
    times = column(pd.to_datetime(["1970-01-02", None]))
    words = column(["1970-01-02", None])
    for values in (times, words):
        np.testing.assert_array_equal(as_role(values, Role.NUMBER, "items")[0], [24 * 60 * 60, np.nan])


def test_vectors_are_float32_and_missing_ones_are_zeros():
    vectors, report = as_role(column([np.array([1.0, 2.0]), None, [3, 4], "[5, 6.5]"]), Role.VECTOR, "items")
    np.testing.assert_array_equal(np.stack(vectors), np.array([[1, 2], [0, 0], [3, 4], [5, 6.5]], np.float32))
    assert np.stack(vectors).dtype == np.float32
    assert report.counts == {"items.x: no vector": 1}


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ([1.0], "expected a vector of 2 numbers. Received: 1"),
        ([1.0, np.nan], "finite numbers"),
        ([1.0, np.inf], "finite numbers"),
        ([], "finite numbers"),
        ([[1.0, 2.0], [3.0, 4.0]], "finite numbers"),
        ("words", "expected a list of numbers. Received: 'words'"),
        ('["a", "b"]', "expected a list of numbers"),
        (3.0, "finite numbers"),
    ],
)
def test_a_wrong_vector_is_refused_with_its_row(second, words):
    with pytest.raises(DatasetError) as error:
        as_role(column([np.array([1.0, 2.0]), second]), Role.VECTOR, "items")
    assert str(error.value).startswith("items.x, row 2 ('i1'): ")
    assert words in str(error.value)


def test_a_vector_may_have_been_written_as_integers():
    vectors, _ = as_role(column(["1|2", "[3, 4]", [5, 6]]), Role.VECTOR, "items")
    np.testing.assert_array_equal(np.stack(vectors), [[1, 2], [3, 4], [5, 6]])


def test_the_width_of_vectors_may_be_known_beforehand():
    """New items have that of their catalogue, even where all of them have none."""
    nothing, _ = as_role(column([None, None]), Role.VECTOR, "items", width=3)
    np.testing.assert_array_equal(np.stack(nothing), np.zeros((2, 3)))
    with pytest.raises(DatasetError, match=r"row 1 \('i0'\): expected a vector of 3 numbers. Received: 2."):
        as_role(column([np.array([1.0, 2.0])]), Role.VECTOR, "items", width=3)


def test_a_vector_column_without_vectors_is_refused():
    with pytest.raises(DatasetError, match="no row holds a vector"):
        as_role(column([None, None]), Role.VECTOR, "items")


@pytest.mark.parametrize("role", [Role.TEXT, Role.NUMBER])
def test_vectors_are_neither_text_nor_number(role):
    with pytest.raises(DatasetError, match="'vector' or 'ignore'"):
        as_role(column([np.array([1.0, 2.0])]), role, "items")


def test_other_roles_leave_the_column_alone():
    values = column([1, "a", None], dtype=object)
    assert as_role(values, Role.IGNORE, "items")[0] is values
