"""The command line as a person meets it: instant help, one-line errors, real answers."""

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from serving.client import Client, FakeTransport
from serving.gateway import commands as gateway
from tests.tiny_world import GHOST, describe, item
from tfrec import cli
from tfrec.run import Run

GUIDE = Path(__file__).parents[2] / "docs" / "command-line.md"
FRESH = "space-fresh"

run = CliRunner()


def tfrec(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tfrec.cli", *arguments], capture_output=True, text=True, check=False
    )


def test_ctrl_c_says_what_became_of_the_work(monkeypatch):
    def interrupted(dataset):
        raise KeyboardInterrupt

    monkeypatch.setattr("tfrec.data.dataset.load_dataset", interrupted)
    result = run.invoke(cli.app, ["data", "movielens"])
    assert result.exit_code == 130
    assert "the same command goes on from there" in result.stderr


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
        "explain",
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


class TestIndexAdd:
    """New items on the command line; what they do to the answers stands in test_add_items."""

    @pytest.fixture
    def folder(self, world_run: Run, tmp_path: Path) -> Path:
        """A copy of the run, for it remembers what is added."""
        return Path(shutil.copytree(world_run.folder, tmp_path / "run"))

    @pytest.fixture
    def published(self, monkeypatch) -> list[Any]:
        """The signatures of each version; the versions themselves are empty folders."""
        from tfrec import add_items

        found: list[Any] = []

        def publish(signatures: Any, run: Run, to: Path) -> Path:
            found.append(signatures)
            version = Path(to) / str(len(found))
            version.mkdir(parents=True)
            return version

        monkeypatch.setattr(add_items, "publish", publish)
        return found

    @staticmethod
    def table(tmp_path: Path, name: str = "new.csv", **columns: Any) -> Path:
        """A file with one new item; a list is written as csv has it."""
        row = {**describe(FRESH), **columns}
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        if path.suffix == ".csv":
            row = {key: json.dumps(value) if isinstance(value, list) else value for key, value in row.items()}
        frame = pd.DataFrame([{key: value for key, value in row.items() if value is not ...}])
        frame.to_csv(path, index=False) if path.suffix == ".csv" else frame.to_parquet(path)
        return path

    @pytest.mark.parametrize("name", ["new.csv", "new.parquet", "folder/items.csv", "folder/items.parquet"])
    def test_it_says_how_many_and_where(self, folder, published, tmp_path, name):
        path = self.table(tmp_path, name)
        source = path.parent if "/" in name else path
        result = run.invoke(
            cli.app, ["index", "add", str(folder), str(source), "--to", str(tmp_path / "models")]
        )
        assert result.exit_code == 0, result.output
        assert result.output.splitlines()[-1] == f"Added 1 items: {tmp_path / 'models' / '1'}"
        assert published[0].item_ids.numpy()[-1].decode() == FRESH
        (kept,) = (folder / "added").glob("*.parquet")
        assert pd.read_parquet(kept)["item_id"].tolist() == [FRESH]

    def test_what_was_left_out_is_said(self, folder, published, tmp_path):
        new = self.table(tmp_path, shelf="A7", aisle=3)
        result = run.invoke(
            cli.app, ["index", "add", str(folder), str(new), "--to", str(tmp_path / "models")]
        )
        assert "2  columns that the catalogue does not have: left out: shelf, aisle" in result.output

    @pytest.mark.parametrize(
        ("columns", "words"),
        [
            ({"item_id": item("space", 0)}, "1 of 1 items are in the catalogue already: 'space-0'"),
            ({"item_id": GHOST}, "1 of 1 items are in the catalogue already: 'ghost'"),
            ({"item_id": " "}, "row 1 has an empty item_id"),
            ({"title": ...}, "the column 'title' is missing"),
            ({"image": [1.0, float("nan"), 0.0]}, "row 1"),
            ({"image": [1.0, 0.0]}, "expected a vector of 3 numbers"),
        ],
        ids=["in the items", "in a history", "no id", "no title", "NaN in a vector", "short vector"],
    )
    def test_what_cannot_be_added_is_one_line(
        self, folder, published, tmp_path, monkeypatch, capsys, columns, words
    ):
        new = self.table(tmp_path, "new.parquet", **columns)
        arguments = ["index", "add", str(folder), str(new), "--to", str(tmp_path / "models")]
        monkeypatch.setattr(sys, "argv", ["tfrec", *arguments])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        message = str(stopped.value.code)  # a message as code: Python prints it and exits with 1
        assert message.startswith(f"tfrec: {new}: ")
        assert words in message
        assert "\n" not in message
        assert not published
        assert not (tmp_path / "models").exists()
        assert not list((folder / "added").glob("*.parquet"))

    @pytest.mark.parametrize("name", ["missing.csv", "items.txt"])
    def test_a_file_that_is_not_there(self, folder, published, tmp_path, monkeypatch, name):
        arguments = ["index", "add", str(folder), str(tmp_path / name), "--to", str(tmp_path / "models")]
        monkeypatch.setattr(sys, "argv", ["tfrec", *arguments])
        with pytest.raises(SystemExit, match=r"no such file that ends in \.parquet or \.csv"):
            cli.main()

    def test_a_run_that_was_interrupted(self, folder, tmp_path, monkeypatch):
        facts = folder / "run.json"
        facts.write_text(json.dumps({**json.loads(facts.read_text()), "finished": False}))
        monkeypatch.setattr(
            sys, "argv", ["tfrec", "index", "add", str(folder), "new.csv", "--to", str(tmp_path / "models")]
        )
        with pytest.raises(SystemExit, match="the training was interrupted"):
            cli.main()

    @pytest.mark.parametrize("arguments", [[], ["RUN"], ["RUN", "NEW"]], ids=len)
    def test_what_is_missing_is_named(self, arguments):
        result = run.invoke(cli.app, ["index", "add", *arguments])
        assert result.exit_code == 2
        assert ["RUN", "NEW_ITEMS", "--to"][len(arguments)] in result.output

    def test_a_process_of_its_own_publishes_and_later_exports_have_the_item(self, folder, tmp_path):
        to = ["--to", str(tmp_path / "models")]
        added = tfrec("index", "add", str(folder), str(self.table(tmp_path)), *to)
        assert added.returncode == 0, added.stderr
        exported = tfrec("export", str(folder), *to)
        assert exported.returncode == 0, exported.stderr
        first, second = sorted((tmp_path / "models").iterdir())
        assert added.stdout.splitlines()[-1] == f"Added 1 items: {first}"
        assert exported.stdout.splitlines()[-1] == f"Exported: {second}"
        for version in (first, second):
            contract = json.loads((version / "assets.extra" / "contract.json").read_text())
            assert contract["added"] == 1


def test_evaluate_knows_two_parts(tmp_path):
    result = run.invoke(cli.app, ["evaluate", str(tmp_path), "--on", "training"])
    assert result.exit_code == 2
    assert "must be test or valid" in result.output


def commands(command: Any, name: str = "") -> dict[str, Any]:
    """Each command of a click group by its whole name."""
    parts = getattr(command, "commands", None)  # no isinstance: Typer brings a click of its own
    if parts is None:
        return {name: command}
    return {
        whole: leaf
        for part, inner in parts.items()
        for whole, leaf in commands(inner, f"{name} {part}".strip()).items()
    }


def test_the_guide_names_every_command_with_every_option():
    written = re.findall(r"^    tfrec (.+?)(?:  #.*)?$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    ours, gateways = (commands(typer.main.get_command(app)) for app in (cli.app, gateway.app))
    for name, command in (ours | {f"gateway {name}": one for name, one in gateways.items()}).items():
        lines = [line for line in written if line.split()[: len(name.split())] == name.split()]
        assert lines, f"docs/command-line.md does not show `tfrec {name}`"
        if name in ("serve", "gateway"):  # which pass on what they are given
            continue
        shown = {option for line in lines for option in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", line)}
        options = [
            set(parameter.opts) for parameter in command.params if parameter.param_type_name == "option"
        ]
        assert all(shown & names for names in options), f"`tfrec {name}`: shown {shown}, there are {options}"
        assert shown <= set().union(*options), f"`tfrec {name}` has no {shown - set().union(*options)}"


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


def test_the_moment_is_told_as_column_and_value(monkeypatch):
    told: list[Any] = []

    class Recorder(Client):
        def recommend(self, *arguments: Any, **options: Any) -> list[Any]:
            told.append(options["context"])
            return []

    monkeypatch.setattr(
        "serving.client.Client", lambda server, model: Recorder(transport=FakeTransport(["a"]))
    )
    result = run.invoke(cli.app, ["recommend", "--context", "device=tv", "--context", "note=a=b"])
    assert told == [{"device": "tv", "note": "a=b"}]
    assert "Nothing is left to recommend" in result.output
    refused = run.invoke(cli.app, ["recommend", "--context", "device"])
    assert refused.exit_code == 2
    assert "must be COLUMN=VALUE. Received: device" in refused.output


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
