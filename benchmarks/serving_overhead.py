"""What the embedded model server adds to the model it serves: one request at a time, and sixteen clients with
batching.

    python -m benchmarks.serving_overhead [--base-path MODELS/NAME --signature recommend] [--out FILE.json]

Both numbers compare with the same session callable run in this process without any server; for batches the two take
turns, with as many rows on their way: batches of 16, one after another, and sixteen clients of one row. Without
--base-path a toy retrieval model is made (history of 20 ids → 64 dimensions → top 100 of 10,000 items). Clients and
server share the machine, as the target says (≤ 2.5 ms at p50; ≥ 70 % of the batched throughput), and both use Python's
gRPC, so that the share depends on how heavy a row of the model is beside that.
"""

import argparse
import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import http.client

import numpy as np

from benchmarks.machine import describe_machine
from benchmarks.process import processor_seconds
from benchmarks.raw_result import show_and_keep
from serving import wire
from serving.client import GrpcTransport, codec
from serving.deploy.sweep import recorded_requests
from serving.model_server.process import running_server
from serving.model_server.saved_model import SavedModel
from serving.model_server.signatures import feeds_of
from serving.model_server.versions import list_versions

ROWS = 16
CALLS = 500
SECONDS, ROUNDS = 3.0, 5


def make_toy(path: Path) -> None:
    """A model of the contract's shape and about a small recommender's cost."""
    import tensorflow as tf

    rng = np.random.default_rng(0)

    class Toy(tf.Module):
        def __init__(self) -> None:
            self.ids = tf.Variable([f"item-{n}" for n in range(10_000)])
            self.vectors = tf.Variable(rng.normal(size=(10_000, 64)).astype(np.float32))

        @tf.function(
            input_signature=[
                tf.TensorSpec([None], tf.string, name="user_id"),
                tf.TensorSpec([None, None], tf.string, name="history"),
            ]
        )
        def serve(self, user_id: Any, history: Any) -> dict[str, Any]:
            rows = tf.strings.to_hash_bucket_fast(history, 10_000)
            query = tf.reduce_mean(tf.gather(self.vectors, rows), 1)
            score, top = tf.math.top_k(tf.matmul(query, self.vectors, transpose_b=True), 100)
            return {"item_id": tf.gather(self.ids, top), "score": score}

    toy = Toy()
    tf.saved_model.save(toy, str(path), signatures={"serving_default": toy.serve})


def make_request(definition: Any, base_path: Path, signature: str, *, recorded: bool) -> Any:
    """A request for one user: the first that the model carries for warming up, or one for the toy."""
    if recorded:
        return recorded_requests(base_path, "bench", signature)[0]
    request = wire.PredictRequest(model_spec={"name": "bench", "signature_name": signature})
    request.inputs["user_id"].CopyFrom(codec.strings(["user"]))
    request.inputs["history"].CopyFrom(codec.string_rows([[f"item-{n}" for n in range(20)]]))
    return request


def percentiles(call: Callable[[], Any], count: int) -> dict[str, float]:
    """Milliseconds of `count` calls after a warm-up."""
    for _ in range(min(50, count)):
        call()
    times = []
    for _ in range(count):
        start = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - start))
    cuts = statistics.quantiles(times, n=100)
    return {"p50": round(cuts[49], 3), "p90": round(cuts[89], 3), "p99": round(cuts[98], 3)}


def throughput(call: Callable[[], Any], threads: int, seconds: float) -> tuple[int, float]:
    """Calls of `threads` callers, and the seconds that they took together."""
    counts = [0] * threads
    stop = time.perf_counter() + seconds

    def work(index: int) -> None:
        while time.perf_counter() < stop:
            call()
            counts[index] += 1

    workers = [threading.Thread(target=work, args=(index,)) for index in range(threads)]
    start = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(counts), time.perf_counter() - start


class Used:
    """Processor milliseconds that processes use inside the block."""

    def __init__(self, *pids: int):
        self._pids = pids
        self.ms = 0.0

    def __enter__(self) -> "Used":
        self._before = self._now()
        return self

    def __exit__(self, *_: object) -> None:
        self.ms = 1e3 * (self._now() - self._before)

    def _now(self) -> float:
        return sum(map(processor_seconds, self._pids))


def in_process(model: SavedModel, fetches: list[str], feeds: dict[str, np.ndarray]) -> dict[str, Any]:
    """The session callable alone, one row at a time."""
    with Used(os.getpid()) as used:
        one_ms = percentiles(lambda: model.run(feeds, fetches), CALLS)
    return {"one_ms": one_ms, "processor_ms": round(used.ms / (CALLS + 50), 3)}


def rest_caller(address: str, signature: str, request: Any) -> Callable[[], Any]:
    """A caller that posts the same request as JSON over one connection."""
    inputs = {
        alias: codec.rows_of(tensor) if len(tensor.tensor_shape.dim) == 2 else _plain(codec.flat(tensor))
        for alias, tensor in request.inputs.items()
    }
    body = json.dumps({"signature_name": signature, "inputs": inputs})
    connection = http.client.HTTPConnection(address)

    def call() -> bytes:
        connection.request("POST", "/v1/models/bench:predict", body)
        response = connection.getresponse()
        text = response.read()
        if response.status != 200:
            raise RuntimeError(text.decode())
        return text

    return call


def _plain(values: list[Any]) -> list[Any]:
    return [value.decode() if isinstance(value, bytes) else value for value in values]


def over_grpc(base_path: Path, signature: str, request: Any) -> dict[str, Any]:
    """One request at a time, as one client sees it."""
    with running_server(base_path, model_name="bench") as server:
        transport = GrpcTransport(server.grpc_address)
        with Used(server.pid, os.getpid()) as used:
            grpc_ms = percentiles(lambda: transport.call("Predict", request, 10), CALLS)
        transport.close()
        rest_ms = percentiles(rest_caller(server.rest_address, signature, request), CALLS // 2)
    return {"grpc_ms": grpc_ms, "rest_ms": rest_ms, "processor_ms": round(used.ms / (CALLS + 50), 3)}


def with_batching(base_path: Path, request: Any, run_batch: Callable[[], Any]) -> dict[str, Any]:
    """Sixteen clients of one row each, and the callable with batches of as many, in turns: medians of the rounds."""
    parameters = (
        f"max_batch_size {{ value: {ROWS} }} batch_timeout_micros {{ value: 20000 }} num_batch_threads "
        f"{{ value: 1 }} "  # a batch is full before the timeout: sixteen callers come back while the last batch runs
        "max_enqueued_batches { value: 100 } pad_variable_length_inputs: true"
    )
    rounds = []
    with tempfile.NamedTemporaryFile("w", suffix=".pbtxt") as file:
        file.write(parameters)
        file.flush()
        flags = ["--enable_batching", f"--batching_parameters_file={file.name}"]
        with running_server(base_path, model_name="bench", rest=False, flags=flags) as server:
            transport = GrpcTransport(server.grpc_address)
            call = lambda: transport.call("Predict", request, 60)  # noqa: E731
            throughput(call, ROWS, 1.0)
            for _ in range(ROUNDS):
                with Used(os.getpid()) as alone:
                    batches, alone_seconds = throughput(run_batch, 1, SECONDS)
                with Used(server.pid) as serving, Used(os.getpid()) as asking:
                    rows, seconds = throughput(call, ROWS, SECONDS)
                rounds.append(
                    {
                        "alone_rows_per_s": batches * ROWS / alone_seconds,
                        "alone_processor_ms_per_row": alone.ms / (batches * ROWS),
                        "rows_per_s": rows / seconds,
                        "server_processor_ms_per_row": serving.ms / rows,
                        "clients_processor_ms_per_row": asking.ms / rows,
                        "share": rows / seconds / (batches * ROWS / alone_seconds),
                    }
                )
            transport.close()
    middle = {name: round(statistics.median(one[name] for one in rounds), 3) for name in rounds[0]}
    return {**middle, "shares": [round(one["share"], 3) for one in rounds]}


def overhead(alone: dict[str, Any], served: dict[str, Any]) -> dict[str, float]:
    """What the server adds to one row, by the clock and by processor time, which others disturb less."""
    return {
        "grpc_overhead_ms_p50": round(served["grpc_ms"]["p50"] - alone["one_ms"]["p50"], 3),
        "grpc_overhead_processor_ms": round(served["processor_ms"] - alone["processor_ms"], 3),
    }


def main() -> None:
    """Prints the figures, and writes them to --out."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base-path", type=Path)
    parser.add_argument("--signature", default="serving_default")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    machine = describe_machine()
    with tempfile.TemporaryDirectory() as folder:
        base_path = options.base_path or Path(folder)
        if options.base_path is None:
            make_toy(base_path / "1")
        versions = list_versions(str(base_path)) or {}
        model = SavedModel(versions[max(versions)])
        definition = model.signatures[options.signature]
        request = make_request(
            definition, base_path, options.signature, recorded=options.base_path is not None
        )
        fetches = [definition.outputs[alias].name for alias in sorted(definition.outputs)]
        one = feeds_of(definition, request.inputs)
        many = {name: np.repeat(array, ROWS, 0) for name, array in one.items()}
        alone = in_process(model, fetches, one)
        served = over_grpc(base_path, options.signature, request)
        batched = with_batching(base_path, request, lambda: model.run(many, fetches))
        model.close()
    figures = {
        "machine": machine,
        "model": options.base_path.name if options.base_path else "toy",
        "signature": options.signature,
        "in_process": alone,
        "served": served,
        **overhead(alone, served),
        "sixteen_clients": batched,
        "load_after": round(os.getloadavg()[0], 2),
    }
    show_and_keep(figures, options.out)


if __name__ == "__main__":
    main()
