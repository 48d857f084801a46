"""Determinism holds within its block: TensorFlow's clock, which it refuses, tells."""

import shutil
from pathlib import Path

import pytest
import tensorflow as tf

from tests.tiny_world import item
from tfrec.determinism import deterministic_ops
from tfrec.funnel import Funnel
from tfrec.rule_file import adopt_rules
from tfrec.run import Run


def has_clock() -> bool:
    try:
        return bool(tf.timestamp() > 0)
    except tf.errors.FailedPreconditionError:
        return False


def test_it_ends_with_its_block():
    with deterministic_ops():
        assert not has_clock()
    assert has_clock()


def test_a_block_within_another_leaves_it_as_it_is():
    with deterministic_ops():
        with deterministic_ops():
            pass
        with deterministic_ops(False):
            assert not has_clock()
        assert not has_clock()


def test_an_error_ends_it_too():
    with pytest.raises(KeyError), deterministic_ops():
        raise KeyError
    assert has_clock()


def test_rules_with_a_time_window_hold_in_the_process_that_has_trained(world_run: Run, tmp_path: Path):
    assert world_run.config.deterministic
    run = Run.open(shutil.copytree(world_run.folder, tmp_path / "run"))
    (tmp_path / "rules.yaml").write_text(
        f"- {{name: now, action: block, where: {{item_id: {item('space', 5)}}}, from: 2020-01-01}}\n"
        f"- {{name: past, action: block, where: {{item_id: {item('space', 4)}}}, until: 2020-01-01}}\n",
        encoding="utf-8",
    )
    adopt_rules(run, tmp_path / "rules.yaml")
    slate = Funnel.from_run(run).recommend("nobody", [item("space", 3)], k=8)
    ids = {one.item_id for one in slate}
    assert item("space", 4) in ids
    assert item("space", 5) not in ids
