"""Ten thousand requests that no client would send, over gRPC and REST: documented codes, no crash, no growing memory.

    python -m benchmarks.serving_fuzz [--base-path MODELS/NAME] [--requests 10000] [--seed 0] [--out FILE.json]

Drawn by hypothesis from the seed, so that the same ones come again. An answer with another code is kept, with its
request. Memory is read from the first fifth of the requests on: what a server sets up for signatures it has not run
before is no leak.
"""

import argparse
import base64
import http.client
import json
import socket
import statistics
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from benchmarks.machine import describe_machine
from benchmarks.odd_requests import METHODS, VERBS, http_heads, predict_messages, rest_bodies
from benchmarks.process import resident_mb
from benchmarks.raw_result import show_and_keep
from serving.client import Client
from serving.model_server.process import RunningServer, running_server

MODEL = "bench"
GRPC_CODES = {"OK", "INVALID_ARGUMENT", "FAILED_PRECONDITION", "NOT_FOUND", "UNIMPLEMENTED"}
UNPARSED = {"INTERNAL"}  # gRPC's own word for bytes that are no message
REST_CODES = {"200", "400", "404", "501"}
HTTP_CODES = {*REST_CODES, "414", "431", "505", "closed"}  # of a head that is no HTTP

Send = Callable[[Any], str]


class Fuzzer:
    """Sends odd requests to one server, and counts what comes back.

    Args:
        server: serves the model MODEL over gRPC and REST.
        first: number of the first seed; each kind of request has one of its own.
    """

    def __init__(self, server: RunningServer, first: int):
        self.codes: dict[str, Counter[str]] = {}
        self.undocumented: list[dict[str, str]] = []
        self.memory: list[float] = []
        self._server = server
        self._first = first
        self._channel = grpc.insecure_channel(server.grpc_address)
        with Client(server.grpc_address, model=MODEL) as client:
            self._signatures = {name: sorted(found.inputs) for name, found in client.metadata().items()}

    def run(self, requests: int) -> None:
        """About `requests` requests: the four kinds in turn, in rounds, so that memory is seen over all of them."""
        kinds: list[tuple[str, st.SearchStrategy[Any], Send, set[str]]] = [
            ("grpc predict", predict_messages(MODEL, self._signatures), self._predict, GRPC_CODES),
            (
                "grpc bytes",
                st.tuples(st.sampled_from(METHODS), st.binary(max_size=60)),
                self._grpc_bytes,
                GRPC_CODES | UNPARSED,
            ),
            (
                "rest",
                st.tuples(st.sampled_from(VERBS), rest_bodies(self._signatures)),
                self._rest,
                REST_CODES,
            ),
            ("http", http_heads(MODEL), self._http, HTTP_CODES),
        ]
        rounds = max(2, requests // 1000)
        for number in range(rounds):
            for kind, (name, strategy, send, documented) in enumerate(kinds):
                number_of_seed = self._first + number * len(kinds) + kind
                self._draw(name, strategy, send, documented, requests // rounds // len(kinds), number_of_seed)
            self.memory.append(resident_mb(self._server.pid))

    def _draw(
        self,
        name: str,
        strategy: st.SearchStrategy[Any],
        send: Send,
        documented: set[str],
        count: int,
        seed_number: int,
    ) -> None:
        codes = self.codes.setdefault(name, Counter())

        @seed(seed_number)
        @settings(
            max_examples=count,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(strategy)
        def one(drawn: Any) -> None:
            code = send(drawn)
            codes[code] += 1
            if code not in documented:
                sent = drawn if isinstance(drawn, bytes) else drawn[1]
                self.undocumented.append(
                    {"kind": name, "code": code, "request": base64.b64encode(sent).decode()}
                )

        one()

    def _predict(self, body: bytes) -> str:
        return self._grpc_bytes(("Predict", body))

    def _grpc_bytes(self, drawn: tuple[str, bytes]) -> str:
        method, body = drawn
        try:
            self._channel.unary_unary(f"/tensorflow.serving.PredictionService/{method}")(body, timeout=60)
        except grpc.RpcError as error:
            return str(error.code().name)
        return "OK"

    def _rest(self, drawn: tuple[str, bytes]) -> str:
        verb, body = drawn
        connection = http.client.HTTPConnection(self._server.rest_address, timeout=60)
        connection.request("POST", f"/v1/models/{MODEL}:{verb}", body)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        if response.status != 200 and "error" not in json.loads(text):
            return f"{response.status} without an error"
        return str(response.status)

    def _http(self, head: bytes) -> str:
        host, _, port = self._server.rest_address.partition(":")
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            connection.sendall(head)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.makefile("rb").readline()
        words = answer.split()
        return words[1].decode() if len(words) > 1 and words[0].startswith(b"HTTP/") else "closed"

    def figures(self) -> dict[str, Any]:
        """What was counted; the server must still tell its status."""
        with Client(self._server.grpc_address, model=MODEL) as client:
            alive = [status.state for status in client.status()] == ["AVAILABLE"]
        self._channel.close()
        settled = self.memory[len(self.memory) // 5 :]
        growth = statistics.median(settled[-3:]) / statistics.median(settled[:3]) - 1
        return {
            "requests": sum(sum(codes.values()) for codes in self.codes.values()),
            "first_seed": self._first,
            "codes": {kind: dict(sorted(codes.items())) for kind, codes in self.codes.items()},
            "undocumented": self.undocumented,
            "alive_afterwards": alive,
            "memory_mb": self.memory,
            "memory_growth": round(growth, 4),
        }


def fuzz(base_path: Path, requests: int, first_seed: int) -> dict[str, Any]:
    """Runs a server for the model and sends it the requests."""
    with running_server(base_path, model_name=MODEL) as server:
        fuzzer = Fuzzer(server, first_seed)
        fuzzer.run(requests)
        return fuzzer.figures()


def main() -> None:
    """Prints the figures, and writes them to --out."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base-path", type=Path, help="a toy by default")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    machine = describe_machine()
    with tempfile.TemporaryDirectory() as folder:
        if options.base_path is None:
            from benchmarks.serving_overhead import make_toy

            make_toy(Path(folder) / "1")
        figures = {
            "machine": machine,
            "model": options.base_path.name if options.base_path else "toy",
            **fuzz(options.base_path or Path(folder), options.requests, options.seed),
        }
    show_and_keep(figures, options.out)


if __name__ == "__main__":
    main()
