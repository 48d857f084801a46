"""Measures how a model's requests are best batched on this machine, and writes that as configuration.

    python -m serving.deploy.sweep --model_base_path MODELS/NAME --to FOLDER [--p99_ms 50] [--clients 16]
        [--sizes 8 16] [--timeouts_us 0 5000] [--server "tensorflow_model_server"]

Each candidate runs in a server of its own, on 127.0.0.1, asked by `clients` callers with the requests that the
model's folder carries for warming up, one row each. The best is the one with the most answers a second among those
whose p99 stays below the limit; if none does, the one with the smallest p99. Written are batching.config,
monitoring.config and sweep.json with every figure.
"""

import argparse
import itertools
import json
import os
import shlex
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from serving import wire
from serving.client import GrpcTransport, ServingError
from serving.model_server.process import running_server
from serving.model_server.warmup import FILE, read_records

MONITORING = 'prometheus_config { enable: true path: "/monitoring/prometheus/metrics" }\n'
SIZES = (8, 16, 32, 64)
TIMEOUTS_US = (0, 1_000, 5_000, 20_000)
SETTLE_SECONDS = 1.0
LOAD_SECONDS = 600.0  # a large model on a busy machine


class SweepError(RuntimeError):
    """Nothing can be measured; the message says why."""


@dataclass(frozen=True)
class Candidate:
    """One way of batching: rows of a batch, microseconds to wait for more, batches run at a time."""

    max_batch_size: int
    timeout_us: int
    threads: int

    def text(self) -> str:
        """As a batching parameters file."""
        return (
            f"max_batch_size {{ value: {self.max_batch_size} }}\n"
            f"batch_timeout_micros {{ value: {self.timeout_us} }}\n"
            f"num_batch_threads {{ value: {self.threads} }}\n"
            "max_enqueued_batches { value: 100 }\n"
            "pad_variable_length_inputs: true\n"
        )


@dataclass(frozen=True)
class Measured:
    """What a candidate did; milliseconds as one caller sees them."""

    candidate: Candidate | None  # None is no batching
    answers_per_second: float
    p50_ms: float
    p99_ms: float


def candidates(
    clients: int, cores: int, *, sizes: Sequence[int] = SIZES, timeouts_us: Sequence[int] = TIMEOUTS_US
) -> list[Candidate]:
    """Sizes up to what the callers can fill; one batch thread, and as many as there are cores."""
    filled = [size for size in sizes if size <= clients] or [sizes[0]]
    return [Candidate(*parts) for parts in itertools.product(filled, timeouts_us, sorted({1, cores}))]


def best(measured: Sequence[Measured], p99_ms: float) -> Measured:
    """The most answers among those within the limit, or else the smallest p99."""
    within = [m for m in measured if m.p99_ms <= p99_ms]
    if within:
        return max(within, key=lambda m: m.answers_per_second)
    return min(measured, key=lambda m: m.p99_ms)


def recorded_requests(base_path: Path, model_name: str, signature: str) -> list[Any]:
    """The warm-up requests of the newest version for one signature, cut to their first row.

    Raises:
        SweepError: there are none.
    """
    versions = [int(path.name) for path in base_path.iterdir() if path.name.isdigit()]
    if not versions:
        raise SweepError(f"{base_path} holds no version of a model.")
    file = base_path / str(max(versions)) / FILE
    logs = (
        [wire.PredictionLog.FromString(record) for record in read_records(str(file))] if file.exists() else []
    )
    requests = [log.predict_log.request for log in logs]
    found = [request for request in requests if request.model_spec.signature_name == signature]
    if not found:
        names = sorted({request.model_spec.signature_name for request in requests})
        raise SweepError(f"{file} has no request for {signature!r}. It has: {', '.join(names) or 'none'}.")
    for request in found:
        request.model_spec.Clear()
        request.model_spec.name, request.model_spec.signature_name = model_name, signature
    return found


def load(address: str, requests: Sequence[Any], *, clients: int, seconds: float) -> tuple[float, list[float]]:
    """(answers a second, milliseconds of each answer) of `clients` callers, one request at a time each.

    Raises:
        SweepError: a call failed.
    """
    times: list[list[float]] = [[] for _ in range(clients)]
    failures: list[ServingError] = []
    transport = GrpcTransport(address, retries=0)
    end = time.perf_counter() + seconds

    def call(number: int) -> None:
        first = number % len(requests)
        turn = itertools.cycle([*requests[first:], *requests[:first]])
        while time.perf_counter() < end and not failures:
            start = time.perf_counter()
            try:
                transport.call("Predict", next(turn), 30.0)
            except ServingError as error:
                failures.append(error)
            times[number].append(1e3 * (time.perf_counter() - start))

    start = time.perf_counter()
    threads = [threading.Thread(target=call, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    transport.close()
    if failures:
        raise SweepError(f"The server failed under load: {failures[0]}.")
    flat = [time for one in times for time in one]
    return len(flat) / (time.perf_counter() - start), flat


def measure(options: argparse.Namespace, candidate: Candidate | None, requests: Sequence[Any]) -> Measured:
    """Runs a server with this batching and loads it."""
    with tempfile.TemporaryDirectory() as folder:
        flags = []
        if candidate is not None:
            file = Path(folder) / "batching.config"
            file.write_text(candidate.text(), encoding="utf-8")
            flags = ["--enable_batching=true", f"--batching_parameters_file={file}"]
        command = shlex.split(options.server) if options.server else None
        with running_server(
            options.model_base_path,
            model_name=options.model_name,
            rest=False,
            flags=flags,
            command=command,
            timeout=LOAD_SECONDS,
        ) as server:
            load(server.grpc_address, requests, clients=options.clients, seconds=SETTLE_SECONDS)
            rate, times = load(
                server.grpc_address, requests, clients=options.clients, seconds=options.seconds
            )
    cuts = statistics.quantiles(times, n=100)
    return Measured(candidate, round(rate, 1), round(cuts[49], 2), round(cuts[98], 2))


def sweep(options: argparse.Namespace) -> Measured:
    """Measures all candidates, writes the files and returns the best."""
    requests = recorded_requests(options.model_base_path, options.model_name, options.signature)
    cores = os.cpu_count() or 1
    tried = candidates(options.clients, cores, sizes=options.sizes, timeouts_us=options.timeouts_us)
    ways: list[Candidate | None] = [None, *tried]
    measured = []
    for candidate in ways:
        found = measure(options, candidate, requests)
        measured.append(found)
        print(
            f"{candidate or 'no batching'}: {found.answers_per_second}/s, p99 {found.p99_ms} ms", flush=True
        )
    chosen = best([m for m in measured if m.candidate], options.p99_ms)
    write(options.to, chosen, measured, options)
    return chosen


def write(folder: Path, chosen: Measured, measured: Sequence[Measured], options: argparse.Namespace) -> None:
    """The three files, each aside and renamed."""
    folder.mkdir(parents=True, exist_ok=True)
    load = round(os.getloadavg()[0], 1)
    said = (
        f"# Measured by serving.deploy.sweep: {chosen.answers_per_second} answers/s, p99 {chosen.p99_ms} ms with "
        f"{options.clients} callers on {os.cpu_count()} cores (load average {load}).\n"
    )
    if chosen.candidate is None:
        raise SweepError("no candidate was measured")
    facts = {
        "signature": options.signature,
        "clients": options.clients,
        "seconds": options.seconds,
        "p99_limit_ms": options.p99_ms,
        "cores": os.cpu_count(),
        "load_average": load,
        "chosen": asdict(chosen),
        "measured": [asdict(m) for m in measured],
    }
    texts = {
        "batching.config": said + chosen.candidate.text(),
        "monitoring.config": MONITORING,
        "sweep.json": json.dumps(facts, indent=1) + "\n",
    }
    for name, text in texts.items():
        aside = folder / f".{name}.{os.getpid()}"
        aside.write_text(text, encoding="utf-8")
        os.replace(aside, folder / name)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model_base_path", type=Path, required=True)
    parser.add_argument("--to", type=Path, required=True, help="the folder for the three files")
    parser.add_argument("--model_name", default="recommender")
    parser.add_argument("--signature", default="recommend")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=5.0, help="of load for each candidate")
    parser.add_argument("--p99_ms", type=float, default=50.0)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="rows of a batch to try")
    parser.add_argument("--timeouts_us", type=int, nargs="+", default=TIMEOUTS_US, help="waits to try")
    parser.add_argument(
        "--server", default="", help="the real binary's command; the embedded server by default"
    )
    options = parser.parse_args(arguments)
    try:
        chosen = sweep(options)
    except SweepError as error:
        print(f"sweep: {error}", file=sys.stderr)
        return 1
    print(f"Best: {chosen.candidate}. Written to {options.to}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
