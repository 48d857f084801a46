"""Model server and gateway under a steady load for minutes: their memory has to stay flat.

    python -m benchmarks.serving_soak --base-path MODELS/NAME [--seconds 600] [--rate 10] [--out FILE.json]

`rate` users a second come by: each is recommended a list by the gateway, posts an impression and a click on it, and is
recommended another; beside them gRPC, REST and a request that is wrong go to the model server, which batches. Memory is
read every five seconds. Growth is that of the last quarter's median over the second's: in the first one caches fill.
"""

import argparse
import http.client
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.machine import describe_machine
from benchmarks.process import resident_mb
from benchmarks.raw_result import show_and_keep
from benchmarks.serving_gateway import free_port, wait_for
from serving.client import Client
from serving.model_server.process import RunningServer, running_server

MODEL = "recommender"
EVERY = 5.0  # seconds between two looks at memory
USERS = 500  # they come again and again, so that the store does not grow by them
CALLERS = 8
BATCHING = (
    "max_batch_size { value: 8 } batch_timeout_micros { value: 2000 } max_enqueued_batches { value: 100 } "
    "pad_variable_length_inputs: true"
)


@dataclass
class Soak:
    """What is sent, and what came of it."""

    server: RunningServer
    gateway: str
    outcomes: Counter[str] = field(default_factory=Counter)
    memory_mb: dict[str, list[float]] = field(default_factory=dict)

    def visit(self, client: Client, number: int) -> None:
        """One user's visit at the gateway, and one call of each other kind; outcomes are counted."""
        user, session = f"u{number % USERS}", f"s{number}"
        for name, call in {
            "list": lambda: self._list_and_events(user, session),
            "grpc": lambda: client.recommend(user, k=5),
            "rest": lambda: self._rest(user),
            "wrong": lambda: self._wrong(client, number),
        }.items():
            try:
                call()
                self.outcomes[name] += 1
            except Exception as error:
                self.outcomes[f"{name} failed: {type(error).__name__}: {error}"[:120]] += 1

    def _list_and_events(self, user: str, session: str) -> None:
        asked = {"user_id": user, "session": session, "k": 5}
        (first, *_) = self._post(self.gateway, "/v1/recommend", asked)["items"]
        event = {"user_id": user, "item_id": first["item_id"], "session": session}
        events = [{**event, "kind": "impression"}, {**event, "kind": "click"}]
        self._post(self.gateway, "/v1/events", {"events": events})
        self._post(self.gateway, "/v1/recommend", asked)

    def _rest(self, user: str) -> None:
        inputs = {
            "user_id": [user],
            "history": [["", "1"]],
            "query_text": [""],
            "candidates": [["", "1", "2"]],
        }
        body = {"signature_name": "rank", "inputs": inputs}
        self._post(self.server.rest_address, f"/v1/models/{MODEL}:predict", body)

    def _wrong(self, client: Client, number: int) -> None:
        try:
            if number % 2:
                client.recommend("u", k=2**31 - 1)
                return  # the graph clips what is out of range
            self._post(self.server.rest_address, f"/v1/models/{MODEL}:predict", {"inputs": {"user_id": 3}})
        except RuntimeError as error:
            if not str(error).startswith("400"):
                raise
            return
        raise RuntimeError("a wrong request was answered")

    @staticmethod
    def _post(address: str, path: str, body: Any) -> Any:
        connection = http.client.HTTPConnection(address, timeout=60)
        try:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        if response.status != 200:
            raise RuntimeError(f"{response.status}: {text[:60]!r}")
        return json.loads(text)

    def run(self, pids: dict[str, int], *, seconds: float, rate: float) -> None:
        """Visits by the clock of CALLERS callers, who never wait for each other, and memory of the processes `pids`."""
        start = time.monotonic()
        end = start + seconds

        def call(caller: int) -> None:
            with Client(self.server.grpc_address, timeout=60) as client:
                for turn in itertools.count():
                    number = turn * CALLERS + caller
                    due = max(start + number / rate, time.monotonic())
                    if due >= end:
                        return
                    time.sleep(max(0.0, due - time.monotonic()))
                    self.visit(client, number)

        callers = [threading.Thread(target=call, args=(number,)) for number in range(CALLERS)]
        for caller in callers:
            caller.start()
        while time.monotonic() < end:
            time.sleep(min(EVERY, seconds / 20))
            for name, pid in pids.items():
                self.memory_mb.setdefault(name, []).append(resident_mb(pid))
        for caller in callers:
            caller.join()

    def figures(self) -> dict[str, Any]:
        """Counts, memory and its growth."""
        return {
            "outcomes": dict(sorted(self.outcomes.items())),
            "memory_growth": {name: growth(samples) for name, samples in self.memory_mb.items()},
            "memory_mb": self.memory_mb,
        }


def growth(samples: list[float]) -> float:
    """Of the last quarter's median over the second quarter's."""
    quarter = max(1, len(samples) // 4)
    return round(
        statistics.median(samples[-quarter:]) / statistics.median(samples[quarter : 2 * quarter]) - 1, 4
    )


@contextmanager
def running_gateway(folder: Path, model: str) -> Iterator[tuple[str, int]]:
    """host:port and process id of a gateway that serves everybody, in front of the model server at `model`."""
    port = free_port()
    settings = [f"folder={folder}", f"port={port}", f"model.server={model}", "open=true", "model.timeout=30"]
    command = [sys.executable, "-m", "tfrec.cli", "gateway", "serve"]
    command += [part for setting in settings for part in ("--set", setting)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield f"127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait()


def soak(base_path: Path, *, seconds: float, rate: float) -> dict[str, Any]:
    """Starts both servers and loads them."""
    with tempfile.TemporaryDirectory() as folder:
        batching = Path(folder) / "batching.config"
        batching.write_text(BATCHING, encoding="utf-8")
        flags = ["--enable_batching", f"--batching_parameters_file={batching}"]
        with (
            running_server(base_path, model_name=MODEL, flags=flags, timeout=600) as server,
            running_gateway(Path(folder) / "gateway", server.grpc_address) as (gateway, pid),
        ):
            soaked = Soak(server, gateway)
            soaked.run({"model server": server.pid, "gateway": pid}, seconds=seconds, rate=rate)
            return soaked.figures()


def main() -> None:
    """Prints the figures, and writes them to --out."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base-path", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--rate", type=float, default=10.0, help="visits a second")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    machine = describe_machine()
    figures = {
        "machine": machine,
        "model": options.base_path.name,
        "seconds": options.seconds,
        "rate": options.rate,
        **soak(options.base_path, seconds=options.seconds, rate=options.rate),
        "load_after": round(os.getloadavg()[0], 2),
    }
    show_and_keep(figures, options.out)


if __name__ == "__main__":
    main()
