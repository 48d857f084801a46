"""New items under the schema of a catalogue, and every way in which a file of them can be wrong."""

import numpy as np
import pandas as pd
import pytest

from tests.tiny_world import COLD, ROLES, describe
from tfrec.data.errors import DatasetError
from tfrec.data.new_items import read_new_items
from tfrec.schema import Role, Schema

SCHEMA = Schema(items={**ROLES, "url": Role.IGNORE})
ITEMS = pd.DataFrame([{**describe("space-3"), "item_id": "one"}, {**describe(COLD), "item_id": "two"}])


def read(path, rows: pd.DataFrame = ITEMS, *, known=("space-1",), name="new.parquet"):
    rows.to_parquet(path / name)
    return read_new_items(path / name, SCHEMA, {"image": 3}, known)


def test_items_come_in_the_form_of_their_roles(tmp_path):
    new = read(tmp_path)
    assert new.items["item_id"].tolist() == ["one", "two"]
    assert new.items["genres"].tolist() == ["space|odd", "space|even"]
    np.testing.assert_array_equal(new.items["price"], [3.0, np.nan])
    np.testing.assert_allclose(new.item_vectors("image"), [[1, 1, 0.3], [1, 1, 0]], rtol=1e-6)
    assert new.item_texts() == [
        "rocket planet star d. space, odd. ada",
        "rocket planet star a. space, even. ada",
    ]
    assert new.item_titles() == ["rocket planet star d", "rocket planet star a"]
    assert new.name == "new"
    assert not new.report.findings


@pytest.mark.parametrize("name", ["items.parquet", "items.csv"])
def test_a_folder_of_items_is_as_good_as_a_file(tmp_path, name):
    if name.endswith("csv"):
        ITEMS.assign(image=ITEMS["image"].map(str)).to_csv(tmp_path / name, index=False)
    else:
        ITEMS.to_parquet(tmp_path / name)
    by_folder, by_file = (
        read_new_items(path, SCHEMA, {"image": 3}, []) for path in (tmp_path, tmp_path / name)
    )
    pd.testing.assert_frame_equal(by_folder.items, by_file.items)
    assert by_folder.items["item_id"].tolist() == ["one", "two"]


def test_what_the_catalogue_does_not_have_is_left_out_and_said(tmp_path):
    new = read(tmp_path, ITEMS.assign(colour="red", genres="opera"))
    assert list(new.items) == ["item_id", *ROLES]
    assert new.items["genres"].tolist() == ["opera", "opera"]  # a value is no column
    assert "left out: colour" in str(new.report)


def test_missing_values_are_normal(tmp_path):
    new = read(tmp_path, ITEMS.assign(title=None, genres=None, maker=None, price=None, image=None))
    assert new.items["title"].tolist() == new.items["genres"].tolist() == ["", ""]
    assert new.items["price"].isna().all()
    np.testing.assert_array_equal(new.item_vectors("image"), np.zeros((2, 3)))
    assert new.item_texts() == ["", ""]
    assert new.item_titles() == ["one", "two"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"item_id": ["one", "space-1"]}, "1 of 2 items are in the catalogue already: 'space-1'. Leave them out"),
        ({"item_id": ["one", "one"]}, "items stand there more than once: 'one'. Keep one row of each."),
        ({"item_id": ["one", None]}, "row 2 has an empty item_id (1 in all)"),
        ({"item_id": [" ", ""]}, "row 1 has an empty item_id (2 in all)"),
        ({"image": [[1.0, 2.0, 3.0], [1.0, np.nan, 3.0]]}, "items.image, row 2 ('two'): expected a list of finite"),
        ({"image": [[1.0, 2.0], [1.0, 2.0]]}, "items.image, row 1 ('one'): expected a vector of 3 numbers"),
        ({"image": ["words", None]}, "items.image, row 1 ('one'): expected a list of numbers. Received: 'words'"),
        ({"title": [[1.0], [2.0]]}, "items.title: lists of numbers cannot be text"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused(tmp_path, change, words):
    with pytest.raises(DatasetError) as error:
        read(tmp_path, ITEMS.assign(**change))
    assert str(error.value).startswith(str(tmp_path / "new.parquet"))
    assert words in str(error.value)


@pytest.mark.parametrize("column", ["item_id", "title", "genres", "maker", "price", "image"])
def test_a_missing_column_is_named(tmp_path, column):
    with pytest.raises(DatasetError, match=f"the column '{column}' is missing. Found: .*Rename or add it"):
        read(tmp_path, ITEMS.drop(columns=column))


def test_a_table_without_items(tmp_path):
    with pytest.raises(DatasetError, match=r"the table items has columns but no rows. Fill it"):
        read(tmp_path, ITEMS.iloc[:0])
    (tmp_path / "empty.csv").write_bytes(b"")
    with pytest.raises(DatasetError, match=r"the file is empty. Write a header line and rows"):
        read_new_items(tmp_path / "empty.csv", SCHEMA, {}, [])


@pytest.mark.parametrize("name", ["nowhere.parquet", "nowhere", "items.xlsx", ""])
def test_no_table_at_all(tmp_path, name):
    (tmp_path / "items.xlsx").write_bytes(b"a sheet")
    with pytest.raises(DatasetError, match=r"parquet .*csv"):
        read_new_items(tmp_path / name, SCHEMA, {}, [])
