"""The RUN folder: what comes back, what is refused, what an interrupted training leaves."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.tiny_world import tiny_config, tiny_dataset
from tfrec import run as module
from tfrec import training
from tfrec.config import Config
from tfrec.data.dataset import Dataset, make_dataset
from tfrec.data.histories import histories
from tfrec.data.item_content import learn_content
from tfrec.data.lexical import LexicalSpace
from tfrec.data.splits import split
from tfrec.ranking.features import NAMES
from tfrec.ranking.ranker import Ranker
from tfrec.retrieval.fit import build_two_tower
from tfrec.run import Run, RunError
from tfrec.stages import Stages
from tfrec.training import train


@pytest.fixture(scope="module")
def config() -> Config:
    return tiny_config("none")


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return tiny_dataset()


def untrained(past, content, config: Config, *, epochs: int = 5) -> Stages:
    """Stages as a fit gives them, without the fit."""
    two_tower = build_two_tower(past, content, config.retrieval)
    items = len(content.table)
    return Stages(two_tower, Ranker(items, config.retrieval.dim, len(NAMES), units=4), epochs)


class Fits:
    """Stands for `fit`: remembers what it was asked, and is interrupted at the calls named."""

    def __init__(self, *, interrupted: tuple[int, ...] = ()) -> None:
        self.asked: list[tuple[int, int | None]] = []
        self.interrupted = interrupted

    def __call__(self, past, content, config, *, hidden=None, epochs=None, side=None, **_) -> Stages:
        self.asked.append((len(past.item), epochs))
        if len(self.asked) in self.interrupted:
            raise KeyboardInterrupt
        return untrained(past, content, config, epochs=epochs or 5)


def sizes(dataset: Dataset) -> tuple[int, int]:
    """Interactions before the validation and before the test target."""
    parts = split(histories(dataset))
    return len(parts.train.item), len(parts.refit.item)


# resuming


def test_both_fits_are_made_the_second_for_as_many_epochs_as_the_first(
    tmp_path, monkeypatch, dataset, config
):
    fits = Fits()
    monkeypatch.setattr(training, "fit", fits)
    run = train(dataset, config, tmp_path / "run")
    train_size, refit_size = sizes(dataset)
    assert fits.asked == [(train_size, None), (refit_size, 5)]
    assert run.facts()["finished"]
    assert {fit: run.epochs(fit) for fit in run.facts()["fits"]} == {"valid": 5, "test": 5}


def test_what_was_finished_is_not_done_again(tmp_path, monkeypatch, dataset, config):
    first, second, third = Fits(interrupted=(2,)), Fits(), Fits()
    monkeypatch.setattr(training, "fit", first)
    with pytest.raises(KeyboardInterrupt):
        train(dataset, config, tmp_path)
    with pytest.raises(RunError, match=r"interrupted. Run the same `tfrec train … --out .*` to finish it"):
        Run.open(tmp_path)
    written = (tmp_path / "valid" / "two_tower.keras").stat().st_mtime_ns
    monkeypatch.setattr(training, "fit", second)
    train(dataset, config, tmp_path)
    assert second.asked == [(sizes(dataset)[1], 5)]  # the test fit only, with the epochs of the one before
    monkeypatch.setattr(training, "fit", third)
    train(dataset, config, tmp_path)
    assert third.asked == []
    assert (tmp_path / "valid" / "two_tower.keras").stat().st_mtime_ns == written
    Run.open(tmp_path)


def test_a_fit_is_finished_only_when_all_of_it_is_written(tmp_path, monkeypatch, dataset, config):
    run = Run.start(tmp_path, dataset, config)
    content = learn_content(dataset, None)
    words = LexicalSpace.learn(dataset.item_texts(), 4)
    run.save_inputs(content, words, split(histories(dataset)), np.zeros(len(dataset.item_ids), bool))
    stages = untrained(run.past("valid"), content, config)

    def fail(path: Path) -> None:
        Path(path).write_bytes(b"half")
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(stages.ranker, "save", fail)
        with pytest.raises(OSError, match="disk full"):
            run.save_stages("valid", stages, seconds=1.0)
    assert not run.has_stages("valid")
    assert [path.name for path in (tmp_path / "valid").iterdir()] == [
        "two_tower.keras"
    ]  # nothing half-written
    run.save_stages("valid", stages, seconds=1.0)
    assert run.has_stages("valid")
    again = run.load_stages("valid")
    assert again.epochs == 5
    for ours, theirs in ((stages.two_tower, again.two_tower), (stages.ranker, again.ranker)):
        for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)


def test_facts_are_replaced_whole_or_not_at_all(tmp_path, monkeypatch, dataset, config):
    run = Run.start(tmp_path, dataset, config)
    before = run.facts()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module.os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            run.finish()
    assert run.facts() == before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".writing")]


# refusing


def changed(dataset: Dataset) -> Dataset:
    """One interaction less."""
    return make_dataset(dataset.interactions.iloc[:-1], dataset.items, name=dataset.name)


def test_other_data_are_refused(tmp_path, dataset, config):
    Run.start(tmp_path, dataset, config)
    with pytest.raises(
        RunError, match=r"another fingerprint. Give a new folder to --out, or delete this one"
    ):
        Run.start(tmp_path, changed(dataset), config)


def test_other_settings_are_refused(tmp_path, dataset, config):
    Run.start(tmp_path, dataset, config)
    with pytest.raises(RunError, match="another config"):
        Run.start(tmp_path, dataset, tiny_config("none", "seed=1"))
    assert Run.start(tmp_path, dataset, tiny_config("none")).config == config


def test_a_folder_that_holds_something_else_is_refused(tmp_path, dataset, config):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(RunError, match="not empty and holds no run"):
        Run.start(tmp_path, dataset, config)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("name", ["", "nowhere"])
def test_a_folder_that_is_no_run_cannot_be_opened(tmp_path, name):
    with pytest.raises(
        RunError, match=r"that `tfrec train` wrote, with run.json in it. Received: no run.json"
    ):
        Run.open(tmp_path / name)


def test_an_empty_folder_may_be_given(tmp_path, dataset, config):
    assert Run.start(tmp_path, dataset, config).facts()["fits"] == {}


# what comes back


def test_the_inputs_come_back(tmp_path, dataset, config):
    run = Run.start(tmp_path / "deep" / "run", dataset, config)
    content, parts = learn_content(dataset, None), split(histories(dataset))
    hidden = np.arange(len(dataset.item_ids)) % 3 == 0
    words = LexicalSpace.learn(["blue pen", "blue cup", "red cup"], 2)
    run.save_inputs(content, words, parts, hidden)
    np.testing.assert_array_equal(run.words.words, words.words)
    np.testing.assert_array_equal(run.words.table, words.table)
    again = Run(run.folder)
    assert again.config == config
    assert again.schema == dataset.schema
    assert again.items["item_id"].tolist() == list(dataset.item_ids)
    assert again.items["_title"].tolist() == dataset.item_titles()
    assert again.user_ids == list(dataset.user_ids)
    assert again.content.spec == content.spec
    np.testing.assert_array_equal(again.content.table, content.table)
    np.testing.assert_array_equal(again.content.category, content.category)
    np.testing.assert_array_equal(again.hidden, hidden)
    for fit, past, targets in (("valid", parts.train, parts.valid), ("test", parts.refit, parts.test)):
        for name in ("item", "start", "time"):
            np.testing.assert_array_equal(getattr(again.past(fit), name), getattr(past, name))
        for name in ("user", "item"):
            np.testing.assert_array_equal(getattr(again.targets(fit), name), getattr(targets, name))
        assert not hidden[again.known(fit).item].any()
        assert len(again.known(fit).item) == (~hidden[past.item]).sum()


def test_the_facts_say_what_was_trained_on_what(tmp_path, dataset, config):
    facts = json.loads((Run.start(tmp_path, dataset, config).folder / "run.json").read_text())
    assert facts["dataset"] == "tiny world"
    assert facts["fingerprint"] == dataset.fingerprint()
    assert facts["config"] == json.loads(json.dumps(config.model_dump()))
    assert [finding["count"] for finding in facts["cleaning"]] == [f.count for f in dataset.report.findings]
    assert "tensorflow" in facts["versions"]
    assert facts["finished"] is False


def test_odd_ids_survive(tmp_path, config):
    ids = ["a b", "ü|é", "x" * 10_000, "0012", "[UNK]"]
    interactions = pd.DataFrame({"user_id": [*ids], "item_id": ids[::-1], "timestamp": range(5)})
    dataset = make_dataset(interactions, pd.DataFrame({"item_id": ids, "title": ids}))
    run = Run.start(tmp_path, dataset, config)
    assert run.items["item_id"].tolist() == ids
    assert run.user_ids == ids


def test_a_folder_left_before_run_json_is_begun_anew(tmp_path, dataset, config):
    run = Run.start(tmp_path / "run", dataset, config)
    (run.folder / "run.json").unlink()  # as a kill between the tables and run.json leaves it
    assert Run.start(tmp_path / "run", dataset, config).facts()["dataset"] == dataset.name
