"""The command line as a person meets it: instant help, one-line errors, real answers."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from serving.client import Client, FakeTransport
from tfrec import cli

run = CliRunner()


def tfrec(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tfrec.cli", *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("command", ["", "index add"])
def test_help_imports_no_tensorflow_and_is_quick(command):
    code = (
        "import sys, time; from tfrec import cli; from typer.testing import CliRunner; "
        f"assert CliRunner().invoke(cli.app, {[*command.split(), '--help']}).exit_code == 0; import serving.client; "
        "print(time.process_time(), 'tensorflow' in sys.modules, 'numpy' in sys.modules)"
    )
    seconds, tensorflow, numpy = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert float(seconds) < 1.0
    assert (tensorflow, numpy) == ("False", "False")


@pytest.mark.parametrize(
    "command",
    [
        "demo",
        "data",
        "train",
        "evaluate",
        "export",
        "recommend",
        "compare",
        "pipeline run",
        "doctor",
        "index add",
    ],
)
def test_every_command_has_help(command):
    result = run.invoke(cli.app, [*command.split(), "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.output


def test_an_unknown_dataset_is_one_line_and_a_failure():
    result = tfrec("data", "no-such-folder")
    assert result.returncode != 0
    assert result.stderr.startswith("tfrec: no-such-folder")
    assert "Traceback" not in result.stderr


def test_a_bad_setting_names_it(tmp_path):
    result = tfrec("train", "movielens", "--out", str(tmp_path / "run"), "--set", "retrieval.dimm=3")
    assert result.returncode != 0
    assert "retrieval.dimm" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "run").exists()


def test_evaluate_of_a_folder_that_is_no_run(tmp_path):
    result = tfrec("evaluate", str(tmp_path))
    assert result.returncode != 0
    assert "tfrec train" in result.stderr


def test_index_add_needs_a_run(tmp_path):
    result = tfrec("index", "add", str(tmp_path), str(tmp_path / "new.csv"), "--to", str(tmp_path / "models"))
    assert result.returncode != 0
    assert result.stderr.startswith(f"tfrec: {tmp_path}: expected a folder that `tfrec train` wrote")
    assert not (tmp_path / "models").exists()


def test_data_describes_the_bundled_films():
    result = run.invoke(cli.app, ["data", "movielens"])
    assert result.exit_code == 0
    assert "610" in result.output
    assert "9,742" in result.output or "9742" in result.output


def test_recommend_prints_json_lines(monkeypatch):
    transport = FakeTransport(["a", "b", "c"])
    monkeypatch.setattr(
        "serving.client.Client", lambda server, model: Client(transport=transport, model=model)
    )
    result = run.invoke(cli.app, ["recommend", "--user", "u", "--history", "a", "-k", "2", "--json"])
    items = [json.loads(line) for line in result.output.splitlines()]
    assert len(items) == 2
    assert "a" not in {item["item_id"] for item in items}
    assert set(items[0]) == {"item_id", "score", "retrieval_score", "ranking_score", "reason"}


def test_recommend_without_a_server_fails_in_words():
    started = time.monotonic()
    result = tfrec("recommend", "--server", "127.0.0.1:9", "--user", "u")
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    assert "127.0.0.1:9" in result.stderr
    assert time.monotonic() - started < 30


def test_serve_takes_tensorflow_servings_flags():
    result = tfrec("serve", "--port=8500")
    assert result.returncode != 0
    assert Path(cli.__file__).name not in result.stderr
