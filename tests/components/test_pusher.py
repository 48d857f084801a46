import json
import shutil

import pytest

from components.artifacts import Blessing
from components.pusher import NotBlessedError, check_blessed


@pytest.fixture
def made(results):
    return (
        results["Trainer"].outputs["run"],
        results["Evaluator"].outputs["evaluation"],
        results["Evaluator"].outputs["blessing"],
    )


def another_blessing(blessing, folder, *, run=None, **verdict):
    shutil.copytree(blessing.folder, folder)
    changed = Blessing(folder)
    (changed.payload / Blessing.FILE).write_text(json.dumps({**blessing.verdict, **verdict}))
    facts = blessing.manifest.model_dump(exclude={"type", "created", "fingerprint"})
    changed.describe(**{**facts, "inputs": {"run": run or blessing.manifest.inputs["run"]}})
    return Blessing(folder)


def test_a_blessed_run_of_its_own_is_accepted(made):
    check_blessed(*made)


def test_a_run_that_missed_a_threshold_is_refused_by_name(made, tmp_path):
    run, evaluation, blessing = made
    check = {
        **blessing.verdict["checks"][0],
        "passed": False,
        "sentence": "ranking mrr 0.1000, asked: at least 0.2000",
    }
    poor = another_blessing(blessing, tmp_path / "poor", blessed=False, checks=[check])
    with pytest.raises(
        NotBlessedError, match=r"nothing was pushed: ranking mrr 0\.1000, asked: at least 0\.2000\."
    ):
        check_blessed(run, evaluation, poor)


def test_the_blessing_of_another_run_is_refused(made, tmp_path):
    run, evaluation, blessing = made
    foreign = another_blessing(blessing, tmp_path / "foreign", run="another fingerprint")
    with pytest.raises(NotBlessedError, match="the blessing is of another run"):
        check_blessed(run, evaluation, foreign)


def test_the_pushed_version_is_a_numeric_folder_that_carries_the_evaluation(results, config):
    pushed, evaluation = results["Pusher"].outputs["pushed"], results["Evaluator"].outputs["evaluation"]
    folder = pushed.version_folder
    assert folder.parent == config.parent / "out" / "models" / "recommender"
    assert folder.name.isdecimal()
    contract = json.loads((folder / "assets.extra" / "contract.json").read_text())
    assert contract["evaluation"] == json.loads((evaluation.payload / "metrics.json").read_text())


def test_only_whole_versions_are_where_the_server_looks(results):
    base = results["Pusher"].outputs["pushed"].version_folder.parent
    assert [path.name for path in base.iterdir() if not path.name.isdecimal()] == []


def test_a_version_that_somebody_deleted_is_not_taken_for_pushed(results, tmp_path):
    pushed = results["Pusher"].outputs["pushed"]
    copy = type(pushed)(shutil.copytree(pushed.folder, tmp_path / "pushed"))
    assert copy.is_intact()
    facts = json.loads((copy.payload / "pushed.json").read_text())
    (copy.payload / "pushed.json").write_text(json.dumps({**facts, "folder": str(tmp_path / "gone")}))
    copy.describe(**pushed.manifest.model_dump(exclude={"type", "created", "fingerprint"}))
    assert not type(pushed)(copy.folder).is_intact()
