import shutil

import pandas as pd
import pytest

from components.component import PipelineError
from components.example_gen import ExampleGen
from components.examples import read_dataset
from tfrec.data.dataset import load_dataset


def test_examples_are_the_dataset(results, shop):
    examples = results["ExampleGen"].outputs["examples"]
    assert examples.manifest.inputs == {"dataset": load_dataset(shop).fingerprint()}
    assert read_dataset(examples.payload).fingerprint() == load_dataset(shop).fingerprint()


def test_a_changed_file_changes_what_the_step_depends_on(shop, tmp_path):
    before = ExampleGen(dataset=str(shop)).outside()
    folder = shutil.copytree(shop, tmp_path / "shop")
    assert ExampleGen(dataset=str(folder)).outside() == before
    items = pd.read_parquet(folder / "items.parquet")
    items.assign(price=1.0).to_parquet(folder / "items.parquet")
    assert ExampleGen(dataset=str(folder)).outside() != before


def test_an_unknown_split_is_refused_when_the_step_is_built():
    with pytest.raises(PipelineError, match="ExampleGen: these parameters cannot be used:\n  split: "):
        ExampleGen(dataset="movielens", split="random")
