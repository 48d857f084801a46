"""The gateway in front of a fake model server: lists a second, their time, and how soon an event counts.

    python -m benchmarks.serving_gateway [--rate 300] [--seconds 20] [--out FILE.json]

Three processes on this machine: a gRPC server that answers every request with the same list, the gateway (SQLite, a
key, all limits and logs on), and this one, which sends `rate` requests a second by the clock, whether or not earlier
ones are answered; a request's time runs from the moment it was due. Targets: 300 requests/s of recommend or more with
p99 ≤ 50 ms; an event and then the list that it changes within 50 ms (p99).
"""

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc

from benchmarks.machine import describe_machine
from benchmarks.process import processor_seconds
from benchmarks.raw_result import show_and_keep
from serving import wire
from serving.client import FakeTransport

ITEMS = [f"item-{n}" for n in range(300)]
USERS = 1_000
CONNECTIONS = 32


def run_fake_server(port: int) -> None:
    """A model server that costs little: FakeTransport behind gRPC."""
    fake = FakeTransport(ITEMS, version=1)

    def answer(name: str) -> Callable[[Any, Any], Any]:
        def handle(request: Any, _: Any) -> Any:
            fake.requests.clear()
            return fake.call(name, request, 1.0)

        return handle

    server = grpc.server(futures.ThreadPoolExecutor(8))
    for service in (wire.PREDICTION_SERVICE, wire.MODEL_SERVICE):
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                answer(name),
                request_deserializer=request.FromString,
                response_serializer=response.SerializeToString,
            )
            for name, (request, response) in wire.method_types(service).items()
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    server.wait_for_termination()


class Http:
    """Kept-alive HTTP/1.1 connections to one port, as little of it as a load generator needs."""

    def __init__(self, port: int, key: str):
        self._port = port
        self._key = key
        self._free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()

    async def open(self, count: int) -> None:
        """Connects."""
        for _ in range(count):
            self._free.put_nowait(await asyncio.open_connection("127.0.0.1", self._port))

    async def close(self) -> None:
        """Disconnects."""
        while not self._free.empty():
            self._free.get_nowait()[1].close()

    async def post(self, path: str, body: Any) -> Any:
        """The answer's JSON; RuntimeError unless it is 200."""
        content = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {self._key}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        reader, writer = await self._free.get()
        try:
            writer.write(head.encode() + content)
            status = await reader.readline()
            length = 0
            while (line := await reader.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            text = await reader.readexactly(length)
        finally:
            self._free.put_nowait((reader, writer))
        if b" 200 " not in status:
            raise RuntimeError(f"{status!r} {text!r}")
        return json.loads(text)


async def by_the_clock(
    call: Callable[[int], Awaitable[Any]], rate: float, seconds: float
) -> dict[str, float]:
    """Starts `rate` calls a second and measures each from the moment it was due."""
    times: list[float] = []
    fallbacks = 0

    async def one(number: int, due: float) -> None:
        nonlocal fallbacks
        answer = await call(number)
        fallbacks += answer["fallback"] is not None
        times.append(1e3 * (time.perf_counter() - due))

    start = time.perf_counter()
    tasks = []
    for number in range(int(rate * seconds)):
        due = start + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(one(number, due)))
    await asyncio.gather(*tasks)
    answered = len(times) / (time.perf_counter() - start)
    return {
        "sent_per_s": rate,
        "answered_per_s": round(answered, 1),
        "fallbacks": fallbacks,
        **percentiles(times),
    }


async def as_fast_as_possible(call: Callable[[int], Awaitable[Any]], seconds: float) -> float:
    """Answers a second of CONNECTIONS callers that wait for nothing but their answer."""
    end, count = time.perf_counter() + seconds, 0

    async def work(number: int) -> None:
        nonlocal count
        while time.perf_counter() < end:
            await call(number)
            count += 1

    await asyncio.gather(*(work(number) for number in range(CONNECTIONS)))
    return round(count / seconds, 1)


async def event_then_list(http: Http, count: int) -> dict[str, float]:
    """Milliseconds from posting a click until a list that has taken it into account is there."""
    times = []
    for number in range(count):
        user = f"event-user-{number}"
        first = (await http.post("/v1/recommend", {"user_id": user, "k": 1}))["items"][0]["item_id"]
        start = time.perf_counter()
        event = {"user_id": user, "kind": "click", "item_id": first}
        await http.post("/v1/events", {"events": [event]})
        then = (await http.post("/v1/recommend", {"user_id": user, "k": 1}))["items"][0]["item_id"]
        times.append(1e3 * (time.perf_counter() - start))
        if then == first:
            raise RuntimeError("the event changed nothing")
    return percentiles(times)


def percentiles(times: list[float]) -> dict[str, float]:
    """p50, p99 and the longest."""
    cuts = statistics.quantiles(times, n=100)
    return {"p50_ms": round(cuts[49], 2), "p99_ms": round(cuts[98], 2), "max_ms": round(max(times), 2)}


async def measure(port: int, key: str, gateway: int, rate: float, seconds: float) -> dict[str, Any]:
    """All figures; every user has a history of 20 events first. `gateway` is its process id."""
    http = Http(port, key)
    await http.open(CONNECTIONS)
    for user in range(USERS):
        events = [
            {"user_id": f"u{user}", "kind": "click", "item_id": ITEMS[(user + n) % 300]} for n in range(20)
        ]
        await http.post("/v1/events", {"events": events})

    def recommend(number: int) -> Awaitable[Any]:
        return http.post("/v1/recommend", {"user_id": f"u{number % USERS}", "k": 10})

    await as_fast_as_possible(recommend, 2.0)
    timed = await by_the_clock(recommend, rate, seconds)
    used = processor_seconds(gateway)
    most = await as_fast_as_possible(recommend, seconds / 2)
    used = processor_seconds(gateway) - used
    figures = {
        "at_the_target_rate": timed,
        "closed_loop_answers_per_s": most,
        "gateway_processor_ms_per_list": round(1e3 * used / (most * seconds / 2), 2),
        "event_then_list": await event_then_list(http, 500),
    }
    await http.close()
    return figures


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    """Until somebody listens there."""
    for _ in range(1200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"nothing listens on {port}")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Starts both servers, measures, and stops them."""
    model_port, port = free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        settings = [f"folder={folder}", f"port={port}", f"model.server=127.0.0.1:{model_port}"]
        tfrec = [sys.executable, "-m", "tfrec.cli", "gateway"]
        changes = [part for setting in settings for part in ("--set", setting)]
        create = [*tfrec, "key", "create", "bench", "--rate", "1000000", *changes]
        key = subprocess.run(create, check=True, capture_output=True, text=True).stdout.strip()
        log = open(Path(folder) / "gateway.log", "w")  # noqa: SIM115 (closed below, after the process)
        model = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.serving_gateway", "--fake", str(model_port)]
        )
        wait_for(model_port)
        gateway = subprocess.Popen([*tfrec, "serve", *changes], stdout=log, stderr=log)
        try:
            wait_for(port)
            return asyncio.run(measure(port, key, gateway.pid, options.rate, options.seconds))
        finally:
            for process in (gateway, model):
                process.terminate()
                process.wait()
            log.close()


def main() -> None:
    """Prints the figures, and writes them to --out."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=300.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--fake", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fake:
        run_fake_server(options.fake)
        return
    machine = describe_machine()
    figures = {"machine": machine, **run(options), "load_after": round(os.getloadavg()[0], 2)}
    show_and_keep(figures, options.out)


if __name__ == "__main__":
    main()
