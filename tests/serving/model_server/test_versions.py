"""Numeric folders and the version policies."""

import pytest
from google.protobuf import text_format

from serving import wire
from serving.model_server.versions import choose, list_versions

Policy = wire.message("tensorflow.serving.FileSystemStoragePathSourceConfig.ServableVersionPolicy")


def policy(text):
    return text_format.Parse(text, Policy(), descriptor_pool=wire.POOL)


def test_only_numeric_folders_are_versions(tmp_path):
    for name in ("1", "00000123", "tmp-5", "12a", "-3", "٣", "99999999999999999999"):
        (tmp_path / name).mkdir()
    (tmp_path / "7").write_text("a file")
    assert list_versions(str(tmp_path)) == {1: str(tmp_path / "1"), 123: str(tmp_path / "00000123")}


def test_a_missing_base_path_is_not_an_empty_one(tmp_path):
    assert list_versions(str(tmp_path)) == {}
    assert list_versions(str(tmp_path / "none")) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {9}),
        ("latest { num_versions: 2 }", {4, 9}),
        ("latest { num_versions: 0 }", {9}),
        ("all {}", {1, 4, 9}),
        ("specific { versions: 1 versions: 4 versions: 77 }", {1, 4}),
        ("specific {}", set()),
    ],
)
def test_policies(text, expected):
    versions = {number: f"/{number}" for number in (1, 9, 4)}
    assert choose(versions, policy(text)) == {number: f"/{number}" for number in expected}
