import numpy as np
import pytest

from components.component import PipelineError
from components.example_gen import ExampleGen
from components.examples import SPLITS, split_of_interactions
from components.trainer import Trainer, check_split
from tests.tiny_bert import tiny_bert
from tfrec.config import DataConfig, make_config
from tfrec.data.dataset import load_dataset
from tfrec.run import Run

EXAMPLES = ExampleGen(dataset="movielens")["examples"]


def test_the_run_is_one_of_the_original_dataset(results, shop):
    run = Run.open(results["Trainer"].outputs["run"].payload)
    assert run.facts()["fingerprint"] == load_dataset(shop).fingerprint()


def test_the_test_targets_are_the_test_records(results, shop):
    run, dataset = Run.open(results["Trainer"].outputs["run"].payload), load_dataset(shop)
    held_out = dataset.interactions[split_of_interactions(dataset, DataConfig()) == SPLITS.index("test")]
    targets = zip(
        np.array(run.user_ids)[run.split.test.user], run.items["item_id"][run.split.test.item], strict=True
    )
    assert set(targets) == set(zip(held_out["user_id"], held_out["item_id"], strict=True))


def test_settings_are_completed_so_that_a_new_default_is_a_new_run():
    trainer = Trainer(examples=EXAMPLES, settings={"retrieval": {"dim": 8}})
    assert trainer.parameters.settings == make_config({"retrieval": {"dim": 8}}).model_dump()


def test_a_wrong_setting_is_refused_when_the_step_is_built():
    with pytest.raises(PipelineError, match=r"(?s)Trainer: .*retrieval\.epochs.*Received: 0"):
        Trainer(examples=EXAMPLES, settings={"retrieval": {"epochs": 0}})


def test_examples_of_another_split_are_refused():
    check_split({"split": "time", "repeats": "first"}, make_config({"data": {"split": "time"}}))
    with pytest.raises(PipelineError, match="the examples have split: time, but"):
        check_split({"split": "time", "repeats": "first"}, make_config({}))


def test_an_encoder_folder_counts_by_its_content(tmp_path):
    def outside(seed):
        folder = tiny_bert(tmp_path / "bert", seed=seed)
        return Trainer(examples=EXAMPLES, settings={"text": {"encoder": str(folder)}}).outside()

    assert outside(0) == outside(0) != outside(1)
