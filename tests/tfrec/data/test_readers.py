"""Files of every kind that people bring, and every way in which they can be broken."""

import contextlib
import csv
import io
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfrec.data.errors import DatasetError
from tfrec.data.readers import plain_table, read_table

IDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), min_size=1, max_size=30)


def write_parquet(folder, name, **columns):
    pa.parquet.write_table(pa.table(columns), folder.path / f"{name}.parquet")
    return folder.path


def test_csv_ids_stay_as_they_are_written(folder):
    long = "ü" * 10_000
    path = folder.write("items.csv", f'item_id,title\n0012,A\n"with space ",B\nNA,C\n{long},D\n12.0,E\n')
    assert read_table(path, "items")["item_id"].tolist() == ["0012", "with space ", "NA", long, "12.0"]


@given(st.lists(IDS, min_size=1, max_size=10))
def test_csv_ids_come_back_whatever_they_hold(tmp_path_factory, ids):
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([["item_id", "n"], *([id_, "1"] for id_ in ids)])
    path = tmp_path_factory.mktemp("ids")
    (path / "items.csv").write_text(text.getvalue(), "utf-8", newline="")
    assert read_table(path, "items")["item_id"].tolist() == ids


def test_csv_numbers_are_numbers_and_gaps_are_missing(folder):
    path = folder.write("items.csv", "\ufeffitem_id , price,title\na, 1.5,x\nb,,\nc,2,NA\n")
    items = read_table(path, "items")
    assert items["item_id"].tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(items["price"], [1.5, np.nan, 2.0])
    assert items["title"].isna().tolist() == [False, True, False]


def test_a_csv_column_that_turns_to_words_late_is_text(folder):
    rows = "".join(f"{n},{n}\n" for n in range(5_000)) + "last,words\n"
    items = read_table(folder.write("items.csv", "item_id,code\n" + rows), "items")
    assert items["code"].iloc[[0, -1]].tolist() == ["0", "words"]


def test_quoted_line_breaks_belong_to_the_value(folder):
    path = folder.write("items.csv", 'item_id,title\na,"two\nlines, one value"\n')
    assert read_table(path, "items")["title"].tolist() == ["two\nlines, one value"]


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (pa.array([7, None, 12]), ["7", None, "12"]),
        (pa.array([7.0, np.nan, 12.0]), ["7", None, "12"]),
        (pa.array([2**53 + 1, None]), [str(2**53 + 1), None]),
        (pa.array(["x", "y"]).dictionary_encode(), ["x", "y"]),
    ],
)
def test_parquet_ids_become_strings(folder, ids, expected):
    read = read_table(write_parquet(folder, "items", item_id=ids), "items")["item_id"]
    assert [None if pd.isna(value) else value for value in read] == expected


def test_parquet_columns_become_few_types(folder):
    path = write_parquet(
        folder,
        "items",
        item_id=["a", "b"],
        tags=pa.array([["x|y", "z"], None]),
        numbers=pa.array([[1, 2, 3], []]),
        image=pa.array([[0.5, 1.5], [2.5, 3.5]]),
        new=pa.array([True, None]),
        since=pa.array([date(1970, 1, 2), None]),
    )
    items = read_table(path, "items")
    assert items["tags"].fillna("").tolist() == ["x/y|z", ""]
    assert items["numbers"].tolist() == ["1|2|3", ""]
    np.testing.assert_array_equal(np.stack(items["image"]), [[0.5, 1.5], [2.5, 3.5]])
    assert items["new"].iloc[0] == "true"
    assert items["since"].iloc[0] == pd.Timestamp(1970, 1, 2)


def test_an_index_that_pandas_saved_is_no_column(folder):
    table = pd.DataFrame({"item_id": ["a", "b", "c"]}).iloc[[0, 2]]
    table.to_parquet(folder.path / "items.parquet")
    assert read_table(folder.path, "items").columns.tolist() == ["item_id"]


def test_ids_that_pandas_saved_as_the_index_are_found(folder):
    pd.DataFrame({"title": ["A"]}, index=pd.Index(["a"], name="item_id")).to_parquet(
        folder.path / "items.parquet"
    )
    assert read_table(folder.path, "items")["item_id"].tolist() == ["a"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", ["items.csv", "empty"]),
        ("item_id,title\n", ["items.csv", "no rows"]),
        ("id,title\na,b\n", ["items.csv", "'item_id' is missing", "Found: id, title"]),
        ("item_id;title\na;b\n", ["items.csv", "'item_id' is missing", "by commas"]),
        ("item_id,title,title\na,b,c\n", ["items.csv", "'title' stands there twice"]),
        ("item_id,title\na,b,c\n", ["items.csv", "not readable as csv", "quote"]),
        (b"item_id,title\na,\xff\xfe\n", ["items.csv", "not readable as csv", "UTF-8"]),
    ],
)
def test_a_broken_csv_is_refused_in_words(folder, content, words):
    path = folder.write("items.csv", content)
    with pytest.raises(DatasetError) as error:
        read_table(path, "items")
    assert all(word in str(error.value) for word in words), str(error.value)


@pytest.mark.parametrize("content", ["no parquet", ""])
def test_a_broken_parquet_is_refused_in_words(folder, content):
    path = folder.write("items.parquet", content)
    with pytest.raises(DatasetError, match=r"items\.parquet: (not readable as parquet|the file is empty)"):
        read_table(path, "items")


def test_no_file_and_two_files_are_refused(folder):
    with pytest.raises(DatasetError, match=r"no items\.parquet and no items\.csv"):
        read_table(folder.path, "items")
    write_parquet(folder, "items", item_id=["a"])
    folder.write("items.csv", "item_id\na\n")
    with pytest.raises(DatasetError, match=r"both items\.parquet and items\.csv are there. Keep one"):
        read_table(folder.path, "items")


@pytest.mark.parametrize("column", ["user_id", "item_id", "timestamp"])
def test_every_column_of_interactions_is_required(column):
    table = pa.table({"user_id": ["u"], "item_id": ["i"], "timestamp": [1]}).drop_columns([column])
    with pytest.raises(DatasetError, match=f"the column '{column}' is missing"):
        plain_table(table, "interactions")


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("bytes")
    (path / "items.csv").write_bytes(b"item_id,title\n" + content)
    with contextlib.suppress(DatasetError):
        assert len(read_table(path, "items"))
