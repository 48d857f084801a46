"""Makes a peer's virtual environment when it is missing, and asks the peer there: arrays go in and out by files."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DEFAULT_HOME = Path(os.environ.get("TFREC_CACHE") or Path.home() / ".cache" / "tfrec") / "peers"
STAMP = "installed.txt"


def peer_python(name: str, home: Path = DEFAULT_HOME) -> Path:
    """The interpreter of the environment `home/name`, made from `peers/name.txt` unless it was made from it before."""
    folder, wanted = home / name, HERE / f"{name}.txt"
    python, stamp = folder / "bin" / "python", folder / STAMP
    if not stamp.is_file() or stamp.read_text() != wanted.read_text():
        print(f"installing {' '.join(wanted.read_text().split())} into {folder}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(wanted)]
        subprocess.run([str(python), *install], check=True)
        stamp.write_text(wanted.read_text())  # last: an install that was interrupted is made anew
    return python


def ask(
    python: Path, module: str, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Runs `python -m module QUESTION ANSWER` in the repository's root.

    Args:
        python: interpreter of the peer's environment.
        module: reads the question with `read_message` and ends with `write_message`.
        settings: anything that JSON holds.
        arrays: by name.

    Returns:
        the facts and the arrays of the answer.

    Raises:
        subprocess.CalledProcessError: the peer failed; what it said is on stderr.
    """
    with tempfile.TemporaryDirectory() as folder:
        question, answer = Path(folder) / "question.npz", Path(folder) / "answer.npz"
        write_message(question, settings, arrays)
        subprocess.run([str(python), "-m", module, str(question), str(answer)], cwd=ROOT, check=True)
        return read_message(answer)


def read_message(path: Path | str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The settings and the arrays of a file."""
    with np.load(path) as file:
        arrays = dict(file)
    return json.loads(str(arrays.pop("facts"))), arrays


def write_message(path: Path | str, facts: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
    """Facts (as JSON) and arrays into one .npz file."""
    np.savez(path, facts=np.array(json.dumps(facts)), **arrays)
