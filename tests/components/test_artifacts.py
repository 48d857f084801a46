import json

import pytest

from components.artifacts import ArtifactError, Evaluation, TrainedRun, folder_fingerprint
from tests.components.steps import Other, Text

FACTS = {
    "name": "text",
    "producer": "Write",
    "code": "c",
    "parameters": {"text": "tea"},
    "inputs": {"in": "f"},
}


@pytest.fixture
def text(tmp_path):
    artifact = Text(tmp_path / "text")
    artifact.payload.mkdir(parents=True)
    (artifact.payload / "text.txt").write_text("tea")
    artifact.describe(**FACTS)
    return artifact


def test_a_manifest_says_what_who_of_what_and_how(text):
    manifest = json.loads((text.folder / "manifest.json").read_text())
    assert manifest.pop("fingerprint") == folder_fingerprint(text.payload)
    assert manifest.pop("created").endswith("+00:00")
    assert manifest == {"type": "Text", **FACTS}


def test_an_artifact_knows_when_its_payload_changed(text):
    assert text.is_intact()
    (text.payload / "text.txt").write_text("tee")
    assert not text.is_intact()


def test_an_artifact_of_another_type_is_refused(text):
    with pytest.raises(ArtifactError, match=r"expected the type Other\. Received: Text"):
        Other(text.folder).manifest  # noqa: B018


@pytest.mark.parametrize("content", [None, "", "{}", "not json"])
def test_a_folder_without_a_readable_manifest_is_no_artifact(tmp_path, content):
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(ArtifactError, match="expected an artifact's manifest"):
        Text(tmp_path).manifest  # noqa: B018


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "a").write_bytes(b"2"),
        lambda folder: (folder / "a").rename(folder / "c"),
        lambda folder: (folder / "new").write_bytes(b""),
        lambda folder: (folder / "sub" / "b").unlink(),
    ],
)
def test_the_fingerprint_follows_content_and_names(tmp_path, change):
    first, second = (_folder(tmp_path / name) for name in ("first", "second"))
    assert folder_fingerprint(first) == folder_fingerprint(second)  # wherever it lies
    change(second)
    assert folder_fingerprint(first) != folder_fingerprint(second)


def test_the_border_between_files_counts(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, contents in ((first, (b"xy", b"z")), (second, (b"x", b"yz"))):
        folder.mkdir()
        for name, content in zip("ab", contents, strict=True):
            (folder / name).write_bytes(content)
    assert folder_fingerprint(first) != folder_fingerprint(second)


def test_writing_to_the_view_of_a_run_leaves_the_artifact_alone(tmp_path, results):
    trained: TrainedRun = results["Trainer"].outputs["run"]
    run = trained.view(tmp_path / "view")
    (run.folder / "evaluation").mkdir()
    (run.folder / "evaluation" / "metrics.json").write_text("{}")
    assert run.facts()["finished"]
    assert trained.is_intact()


def test_the_view_of_a_run_can_carry_its_evaluation(tmp_path, results):
    evaluation: Evaluation = results["Evaluator"].outputs["evaluation"]
    run = results["Trainer"].outputs["run"].view(tmp_path / "view", evaluation)
    assert (run.folder / "evaluation" / "metrics.json").read_bytes() == (
        evaluation.payload / "metrics.json"
    ).read_bytes()


def _folder(path):
    (path / "sub").mkdir(parents=True)
    (path / "a").write_bytes(b"1")
    (path / "sub" / "b").write_bytes(b"22")
    return path
