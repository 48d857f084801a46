"""An environment is made once for its requirements, and a peer in it is asked by files."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.peers import environment

ECHO = "tests.benchmarks.peers.echo_peer"


class Installer:
    """Stands for the commands that make an environment."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.fails = False

    def __call__(self, command: list[str], **options: Any) -> None:
        self.commands.append(command)
        if "venv" in command:
            Path(command[-1]).mkdir(parents=True, exist_ok=True)
        elif self.fails:
            raise subprocess.CalledProcessError(1, command)


@pytest.fixture
def installer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installer:
    made = Installer()
    monkeypatch.setattr(environment, "HERE", tmp_path)
    monkeypatch.setattr(environment.subprocess, "run", made)
    (tmp_path / "other.txt").write_text("other==1\n")
    return made


def test_is_made_once_and_again_when_its_requirements_change(installer: Installer, tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert environment.peer_python("other", home) == home / "other" / "bin" / "python"
    assert [command[2] for command in installer.commands] == ["venv", "pip"]
    environment.peer_python("other", home)
    assert len(installer.commands) == 2
    (tmp_path / "other.txt").write_text("other==2\n")
    environment.peer_python("other", home)
    assert len(installer.commands) == 4


def test_an_interrupted_install_is_made_anew(installer: Installer, tmp_path: Path) -> None:
    installer.fails = True
    with pytest.raises(subprocess.CalledProcessError):
        environment.peer_python("other", tmp_path / "home")
    installer.fails = False
    environment.peer_python("other", tmp_path / "home")
    assert [command[2] for command in installer.commands] == ["venv", "pip"] * 2


def test_makes_a_python_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "HERE", tmp_path)
    (tmp_path / "none.txt").write_text("")
    python = environment.peer_python("none", tmp_path / "home")
    prefix = subprocess.run(
        [python, "-c", "import sys; print(sys.prefix)"], check=True, capture_output=True, text=True
    ).stdout.strip()
    assert Path(prefix).resolve() == (tmp_path / "home" / "none").resolve()


def test_a_peer_gets_the_question_and_is_heard() -> None:
    settings = {"task": "echo", "sizes": [1, 2.5], "none": None}
    rows = {"item": np.arange(3, dtype=np.int32), "vectors": np.ones((2, 2), np.float32)}
    facts, answer = environment.ask(Path(sys.executable), ECHO, settings, rows)
    assert facts == {"asked": settings}
    assert set(answer) == set(rows)
    for name, array in rows.items():
        np.testing.assert_array_equal(answer[name], 2 * array)
        assert answer[name].dtype == array.dtype


def test_a_peer_that_fails_is_an_error() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        environment.ask(Path(sys.executable), ECHO, {"fail": True}, {})
