"""From a folder, or from tables in memory, to a dataset in catalogue order."""

import numpy as np
import pandas as pd
import pytest

from tfrec.data.dataset import DatasetError, load_dataset, make_dataset
from tfrec.schema import Role


def tables(rows, items=("a", "b")):
    interactions = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    return interactions, pd.DataFrame({"item_id": items, "title": [f"Film of {item}" for item in items]})


def test_a_folder_becomes_a_dataset(folder):
    dataset = load_dataset(folder.complete())
    assert dataset.item_ids.tolist() == ["a", "b"]
    assert dataset.user_ids.tolist() == ["u", "v"]
    assert dataset.schema.items == {"title": Role.TEXT, "genres": Role.CATEGORY}
    assert dataset.item_texts() == ["Heat at Night. Crime, Thriller", "Toys Come Home. Comedy"]
    assert dataset.item_titles() == ["Heat at Night", "Toys Come Home"]
    assert not dataset.report.findings


def test_catalogue_is_the_items_file_then_unknown_ids_by_first_appearance_in_time():
    dataset = make_dataset(
        *tables([["u", "z", 9], ["u", "b", 2], ["v", "y", 3], ["w", "x", 9]], items=["b", "a"])
    )
    assert dataset.item_ids.tolist() == ["b", "a", "y", "z", "x"]
    assert dataset.user_ids.tolist() == ["u", "v", "w"]
    assert dataset.report.counts["items that only interactions know"] == 3
    assert dataset.item_texts() == ["Film of b", "Film of a", "", "", ""]
    assert dataset.item_titles() == ["Film of b", "Film of a", "y", "z", "x"]


def test_interactions_are_coded_in_stable_time_order():
    dataset = make_dataset(*tables([["u", "b", 5], ["v", "a", 1], ["u", "a", 5]]))
    user, item, time = dataset.coded_interactions()
    assert dataset.user_ids[user].tolist() == ["v", "u", "u"]
    assert dataset.item_ids[item].tolist() == ["a", "b", "a"]
    assert time.tolist() == [1, 5, 5]
    assert (user.dtype, item.dtype) == (np.int32, np.int32)


def test_users_follow_user_ids():
    users = pd.DataFrame({"user_id": [3, 1, 9, 1], "country": ["NL", "DE", "FR", "XX"]})
    dataset = make_dataset(*tables([[1, "a", 1], [2, "a", 2], [3, "b", 3]]), users)
    assert dataset.user_ids.tolist() == ["1", "2", "3", "9"]
    assert dataset.users["country"].tolist() == ["DE", "", "NL", "FR"]
    assert dataset.report.counts == {
        "duplicate users": 1,
        "users without an interaction": 1,
        "users that only interactions know": 1,
    }


def test_numeric_ids_in_memory_meet():
    interactions = pd.DataFrame(
        {"user_id": [1.0, 2.0, np.nan], "item_id": [10, 20, 10], "timestamp": [1, 2, 3]}
    )
    dataset = make_dataset(interactions, pd.DataFrame({"item_id": ["10", "20"]}))
    assert dataset.user_ids.tolist() == ["1", "2"]
    assert dataset.report.counts["interactions with an empty user_id"] == 1
    assert "items that only interactions know" not in dataset.report.counts


def test_awkward_ids_stay_different_ids():
    items = ["0012", "12", " 12", "12 ", "日本", "e\u0301", "\u00e9", "x" * 10_000, "a|b", "NA", "None"]
    dataset = make_dataset(*tables([["u", item, n] for n, item in enumerate(items)], items=items))
    assert dataset.item_ids.tolist() == items
    assert dataset.coded_interactions()[1].tolist() == list(range(len(items)))


def test_one_user_and_one_item_are_a_dataset():
    dataset = make_dataset(*tables([["u", "a", 1]], items=["a"]))
    assert (len(dataset.user_ids), len(dataset.item_ids)) == (1, 1)


def test_items_without_any_text_are_counted(folder):
    folder.complete()
    dataset = load_dataset(folder.write("items.csv", "item_id\na\nb\n"))
    assert dataset.item_texts() == ["", ""]
    assert dataset.item_titles() == ["a", "b"]
    assert dataset.report.counts == {"items without any text": 2}


def test_markup_leaves_no_text(folder):
    folder.complete()
    dataset = load_dataset(folder.write("items.csv", "item_id,title\na,<br>\nb,Toys\n"))
    assert dataset.item_texts() == ["", "Toys"]
    assert dataset.report.counts == {"items without any text": 1}


def test_vectors_are_one_array_with_zeros_for_unknown_items():
    interactions, items = tables([["u", "a", 1], ["u", "new", 2]])
    items["image"] = [np.array([1.0, 2.0]), np.array([3.0, 4.0])]
    dataset = make_dataset(interactions, items)
    np.testing.assert_array_equal(
        dataset.item_vectors("image"), np.array([[1, 2], [3, 4], [0, 0]], np.float32)
    )
    with pytest.raises(DatasetError, match=r"one of \['image'\]. Received: 'title'"):
        dataset.item_vectors("title")


def test_schema_yaml_overrides_the_guess(folder):
    folder.complete()
    dataset = load_dataset(folder.write("schema.yaml", "genres: text\ntitle: ignore\n"))
    assert dataset.schema.items == {"title": Role.IGNORE, "genres": Role.TEXT}
    assert dataset.item_texts() == ["Crime, Thriller", "Comedy"]
    assert dataset.inferred["items.genres"] == "schema.yaml says so"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("title: words\n", "schema.yaml: line 1, column 'title': unknown role"),
        ("title: text\nmood: text\n", "schema.yaml: line 2, column 'mood': unknown column"),
        ("item_id: text\n", "unknown column"),
        ("title: category\ngenres: category\n", "expected one item column with the role 'category'"),
        ("title: vector\n", "items.title, row 1 ('a'): expected a list of numbers"),
        (b"\xff\xfe\x00", "schema.yaml"),
    ],
)
def test_a_wrong_schema_yaml_is_one_clear_error(folder, text, words):
    folder.complete()
    with pytest.raises(DatasetError) as error:
        load_dataset(folder.write("schema.yaml", text))
    assert words in str(error.value)
    assert str(folder.path) in str(error.value)


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("interactions.csv", "user_id,item_id\nu,a\n", "'timestamp' is missing"),
        ("interactions.csv", "", "the file is empty"),
        ("interactions.csv", "user_id,item_id,timestamp\nu,a,soon\n", "none of the 1 rows is usable"),
        ("items.csv", "item_id,title\n,x\n", "'item_id' is empty in all 1 rows"),
        ("users.csv", "name\nx\n", "'user_id' is missing"),
        ("users.csv", "user_id,age\n", "has columns but no rows. Fill it or leave it out"),
    ],
)
def test_a_folder_that_is_no_dataset_is_one_clear_error(folder, file, content, words):
    folder.complete()
    with pytest.raises(DatasetError) as error:
        load_dataset(folder.write(file, content))
    assert words in str(error.value)
    assert str(folder.path) in str(error.value)


def test_a_missing_folder_names_what_is_built_in(tmp_path):
    with pytest.raises(DatasetError, match=r"nowhere: no such folder.*movielens"):
        load_dataset(tmp_path / "nowhere")


def test_tables_in_memory_are_checked_like_files():
    interactions, items = tables([["u", "a", 1]])
    with pytest.raises(DatasetError, match="'timestamp' is missing"):
        make_dataset(interactions.drop(columns="timestamp"), items)
    with pytest.raises(DatasetError, match="the table items cannot be used"):
        make_dataset(interactions, items.assign(odd=pd.Series([1, "a"], dtype=object)))


def test_the_fingerprint_follows_content_not_files(folder):
    dataset = load_dataset(folder.complete())
    for name in ("interactions", "items"):
        table = pd.read_csv(folder.path / f"{name}.csv")
        (folder.path / f"{name}.csv").unlink()
        table.to_parquet(folder.path / f"{name}.parquet")
    assert load_dataset(folder.path).fingerprint() == dataset.fingerprint()


@pytest.mark.parametrize(
    "change",
    [
        lambda interactions, items: (interactions.assign(timestamp=[1, 3]), items),
        lambda interactions, items: (interactions.assign(user_id=["u", "w"]), items),
        lambda interactions, items: (interactions, items.assign(title=["Film of a", "Film of c"])),
        lambda interactions, items: (interactions, items.rename(columns={"title": "name"})),
        lambda interactions, items: (interactions, items.iloc[::-1]),
    ],
)
def test_the_fingerprint_changes_with_every_value(change):
    interactions, items = tables([["u", "a", 1], ["v", "b", 2]])
    changed = make_dataset(*change(interactions, items))
    assert changed.fingerprint() != make_dataset(interactions, items).fingerprint()


def test_movielens_is_built_in():
    dataset = load_dataset("movielens")
    assert (len(dataset.user_ids), len(dataset.item_ids), len(dataset.interactions)) == (610, 9742, 100_836)
    assert dataset.schema.category_column == "genres"
    assert dataset.item_titles()[:2] == ["Toy Story (1995)", "Jumanji (1995)"]
    assert (
        dataset.item_texts()[0]
        == "Toy Story (1995). fun, pixar. Adventure, Animation, Children, Comedy, Fantasy"
    )
    assert not dataset.report.findings
