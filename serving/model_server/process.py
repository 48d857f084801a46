"""Runs the model server as a process of its own, for tests and demos: started on a free local port, stopped
by its id."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_READY = re.compile(rb"Running gRPC ModelServer at (\S+) \.\.\.")
_EMBEDDED = [sys.executable, "-m", "serving.model_server", "--bind_address=127.0.0.1"]
_ROOT = Path(__file__).resolve().parents[2]


class ServerFailedError(RuntimeError):
    """The server ended, or was not ready in time; the message carries the end of its output."""


@dataclass(frozen=True)
class RunningServer:
    """Where a started server listens. `rest_address` is "" if it has no REST API."""

    grpc_address: str
    rest_address: str
    pid: int


@contextmanager
def running_server(
    base_path: str | os.PathLike[str] | None,
    *,
    model_name: str = "recommender",
    rest: bool = True,
    flags: Sequence[str] = (),
    timeout: float = 120.0,
    command: Sequence[str] | None = None,
) -> Iterator[RunningServer]:
    """A model server for `base_path` on free ports of 127.0.0.1, ready when the block is entered and gone
    when it is left.

    Args:
        base_path: folder with numeric version folders; None if `flags` name a model config file.
        model_name: the name clients ask for.
        rest: with the REST API.
        flags: more flags, such as "--enable_batching".
        timeout: seconds to wait until the first model is available.
        command: another server that takes TensorFlow Serving's flags, such as ["tensorflow_model_server"].

    Raises:
        ServerFailedError: it did not become ready.
    """
    rest_port = _free_port() if rest else 0
    program = [*command, f"--port={_free_port()}"] if command else [*_EMBEDDED, "--port=0"]
    program += [f"--rest_api_port={rest_port}", f"--model_name={model_name}", *flags]
    if base_path is not None:
        program.append(f"--model_base_path={os.path.abspath(base_path)}")
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(program, stdout=output, stderr=subprocess.STDOUT, env=_environment())
        try:
            port = _wait_ready(process, output, timeout).rpartition(":")[2]
            rest_address = f"127.0.0.1:{rest_port}" if rest else ""
            yield RunningServer(f"127.0.0.1:{port}", rest_address, process.pid)
        finally:
            _stop(process)


def _environment() -> dict[str, str]:
    path = os.pathsep.join(part for part in (str(_ROOT), os.environ.get("PYTHONPATH", "")) if part)
    return {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_ready(process: subprocess.Popen[bytes], output: IO[bytes], timeout: float) -> str:
    deadline = time.monotonic() + timeout
    while True:
        text = os.pread(output.fileno(), os.fstat(output.fileno()).st_size, 0)
        if found := _READY.search(text):
            return found[1].decode()
        if process.poll() is not None or time.monotonic() > deadline:
            state = (
                f"ended with code {process.returncode}"
                if process.returncode is not None
                else f"not ready after {timeout} s"
            )
            raise ServerFailedError(
                f"The model server is {state}. The end of its "
                f"output:\n{text[-3000:].decode(errors='replace')}"
            )
        time.sleep(0.02)


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
