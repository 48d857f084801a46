import numpy as np
import pandas as pd
import pytest

from components.examples import SPLITS, read_dataset, read_facts, split_of_interactions, write_dataset
from tfrec.config import DataConfig
from tfrec.data.dataset import load_dataset, make_dataset
from tfrec.data.histories import histories
from tfrec.data.splits import split

LAST_OUT = DataConfig()


def bought(*rows):
    table = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    items = pd.DataFrame({"item_id": sorted(set(table["item_id"])), "title": "some thing"})
    return make_dataset(table, items)


def split_names(dataset, how=LAST_OUT):
    return [SPLITS[place] for place in split_of_interactions(dataset, how)]


def test_a_dataset_comes_back_with_its_fingerprint(shop, tmp_path):
    dataset = load_dataset(shop)
    write_dataset(dataset, tmp_path, LAST_OUT)
    back = read_dataset(tmp_path)
    assert back.fingerprint() == dataset.fingerprint()
    assert (back.schema, back.report, back.inferred) == (dataset.schema, dataset.report, dataset.inferred)
    assert back.item_texts() == dataset.item_texts()


def test_awkward_values_come_back(tmp_path):
    interactions = pd.DataFrame(
        {
            "user_id": ["ü", "ü", "ü", " v "],
            "item_id": ["a b", "no row", "x" * 10_000, "a b"],
            "timestamp": [1_700_000_000.25, 1_700_000_000.25, 1_700_000_001.5, 3.0],
            "device": ["phone", None, "phone", ""],
            "rating": [0.5, None, 5.0, 4.0],
        }
    )
    items = pd.DataFrame(
        {
            "item_id": ["a b", "x" * 10_000],
            "title": ["Träume 夢", None],
            "year": pd.array([1995, None], "Int16"),
            "image": [[0.5, 0.25], [0.75, 1.0]],
        }
    )
    users = pd.DataFrame({"user_id": ["ü", " v "], "age": [30, None]})
    dataset = make_dataset(interactions, items, users)
    write_dataset(dataset, tmp_path, LAST_OUT)
    back = read_dataset(tmp_path)
    assert back.fingerprint() == dataset.fingerprint()
    np.testing.assert_array_equal(back.item_vectors("image"), dataset.item_vectors("image"))


@pytest.mark.parametrize("how", [LAST_OUT, DataConfig(split="time"), DataConfig(repeats="keep")])
def test_the_records_are_split_as_training_splits(shop, tmp_path, how):
    dataset = load_dataset(shop)
    write_dataset(dataset, tmp_path, how)
    parts = split(histories(dataset, how.repeats), how.split)
    records = read_facts(tmp_path)["records"]
    train, valid, test = (records[f"interactions/{name}"] for name in SPLITS)
    assert train == len(parts.train.item)
    assert train + valid == len(parts.refit.item)
    assert train + valid + test == len(dataset.interactions)
    assert min(valid, test) > 0


def test_the_last_two_interactions_are_held_out():
    dataset = bought(("u", "a", 1), ("u", "b", 2), ("u", "c", 3), ("v", "a", 4), ("v", "b", 5))
    assert split_names(dataset) == ["train", "valid", "test", "train", "train"]  # v has too few


def test_a_repetition_stands_with_the_interaction_before_it():
    dataset = bought(("u", "a", 1), ("u", "a", 2), ("u", "b", 3), ("u", "a", 4), ("u", "c", 5), ("u", "b", 6))
    assert split_names(dataset) == ["train", "train", "valid", "valid", "test", "test"]


def test_kept_repetitions_are_interactions_like_others():
    dataset = bought(("u", "a", 1), ("u", "a", 2), ("u", "b", 3), ("u", "c", 4), ("u", "b", 5))
    assert split_names(dataset, DataConfig(repeats="keep")) == ["train"] * 3 + ["valid", "test"]
