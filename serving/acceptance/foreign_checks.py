"""Clients that others wrote, each in an environment of its own, ask the same server."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from serving.acceptance.check import Check, Skipped, Target, expect
from serving.acceptance.environments import NODE, OVMS, write_descriptors
from serving.client import Client

SCRIPTS = Path(__file__).with_name("clients")
SECONDS = 60


def ovmsclient_over_grpc(target: Target) -> None:
    """ovmsclient (Python, own protos) over gRPC."""
    _expect_same(target, _ovms(target, "grpc", target.grpc))


def ovmsclient_over_rest(target: Target) -> None:
    """ovmsclient over REST."""
    if not target.rest:
        raise Skipped("no --rest address was given")
    _expect_same(target, _ovms(target, "http", target.rest))


def node_over_grpc(target: Target) -> None:
    """grpc-js (Node, HTTP/2 and protobuf of its own)."""
    folder = _installed(target, NODE)
    node = shutil.which("node")
    if node is None:
        raise Skipped("node is not on the PATH")
    descriptors = write_descriptors(folder)
    answer = _run([node, str(SCRIPTS / "grpc_js.js"), target.grpc, target.model, str(descriptors)], folder)
    expect("code of an unknown model", 5, answer.pop("unknown_model"))
    _expect_same(target, answer)


CHECKS: list[Check] = [ovmsclient_over_grpc, ovmsclient_over_rest, node_over_grpc]


def _ovms(target: Target, kind: str, address: str) -> dict[str, Any]:
    folder = _installed(target, OVMS)
    with Client(target.grpc, model=target.model) as client:
        version = client.recommend("u", k=1).version
    program = [str(folder / "bin" / "python"), str(SCRIPTS / "ovms.py")]
    return _run([*program, kind, address, target.model, str(version)], folder)


def _installed(target: Target, name: str) -> Path:
    folder = (target.clients / name) if target.clients else None
    if folder is None or not folder.is_dir():
        raise Skipped(
            "not installed: python -m serving.acceptance.environments FOLDER, then --clients FOLDER"
        )
    return folder


def _run(command: list[str], folder: Path) -> dict[str, Any]:
    environment = {"NODE_PATH": str(folder / "node_modules"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, env=environment)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no output")
    return json.loads(done.stdout)


def _expect_same(target: Target, answer: dict[str, Any]) -> None:
    with Client(target.grpc, model=target.model) as client:
        ids = [item.item_id for item in client.recommend("u", k=5)]
    expect("answer", {"state": "AVAILABLE", "items": ids}, answer)
