"""What the embedded model server adds to the model it serves: one request at a time, and sixteen clients with
batching.

    python benchmarks/serving_overhead.py [--base-path MODELS/NAME] [--signature recommend] [--out FILE.json]

Both numbers compare with the same session callable run in this process without any server. Without
--base-path a toy retrieval model is made (history of 20 ids → 64 dimensions → top 100 of 10,000 items).
Client and server share the machine, as the target says (≤ 2.5 ms at p50; ≥ 70 % of the batched throughput).
"""

import argparse
import json
import os
import platform
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

from serving import wire
from serving.client import GrpcTransport, codec
from serving.model_server.process import running_server

ROWS = 16


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


def make_request(signature: Any, name: str, rows: int) -> Any:
    """A request for `rows` users, with every input of the signature."""
    request = wire.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "bench", name
    for alias, info in signature.inputs.items():
        if alias in signature.defaults:
            request.inputs[alias].CopyFrom(codec.repeated(signature.defaults[alias], rows))
        elif len(info.tensor_shape.dim) == 2:
            request.inputs[alias].CopyFrom(
                codec.string_rows([[f"item-{row * 20 + n}" for n in range(20)] for row in range(rows)])
            )
        else:
            request.inputs[alias].CopyFrom(codec.strings([f"user-{row}" for row in range(rows)]))
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


def throughput(call: Callable[[], Any], threads: int, seconds: float, rows: int) -> float:
    """Rows per second of `threads` callers."""
    counts = [0] * threads
    stop = time.perf_counter() + seconds

    def work(index: int) -> None:
        while time.perf_counter() < stop:
            call()
            counts[index] += rows

    workers = [threading.Thread(target=work, args=(index,)) for index in range(threads)]
    start = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return round(sum(counts) / (time.perf_counter() - start), 1)


def in_process(base_path: Path, signature: str) -> tuple[Any, dict[str, Any]]:
    """The signature, and the callable's own figures."""
    from serving.model_server.saved_model import SavedModel
    from serving.model_server.signatures import feeds_of
    from serving.model_server.versions import list_versions

    versions = list_versions(str(base_path)) or {}
    model = SavedModel(versions[max(versions)])
    definition = model.signatures[signature]
    fetches = [definition.outputs[alias].name for alias in sorted(definition.outputs)]
    one = feeds_of(definition, make_request(definition, signature, 1).inputs)
    many = feeds_of(definition, make_request(definition, signature, ROWS).inputs)
    figures = {
        "batch_of_1_ms": percentiles(lambda: model.run(one, fetches), 500),
        "rows_per_s_batched": throughput(lambda: model.run(many, fetches), 2, 5.0, ROWS),
    }
    model.close()
    return definition, figures


def over_grpc(base_path: Path, signature: str, definition: Any) -> dict[str, Any]:
    """One request at a time, as one client sees it."""
    with running_server(base_path, model_name="bench") as server:
        request = make_request(definition, signature, 1)
        transport = GrpcTransport(server.grpc_address)
        figures = {"grpc_ms": percentiles(lambda: transport.call("Predict", request, 10), 500)}
        transport.close()
        figures["rest_ms"] = percentiles(rest_caller(server.rest_address, signature, request), 300)
    return figures


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


def with_batching(base_path: Path, signature: str, definition: Any) -> dict[str, Any]:
    """Sixteen clients of one row each."""
    parameters = (
        f"max_batch_size {{ value: {ROWS} }} batch_timeout_micros {{ value: 20000 }} num_batch_threads "
        f"{{ value: 1 }} "  # a batch is full before the timeout: sixteen callers come back while the last batch runs
        "max_enqueued_batches { value: 100 } pad_variable_length_inputs: true"
    )
    with tempfile.NamedTemporaryFile("w", suffix=".pbtxt") as file:
        file.write(parameters)
        file.flush()
        flags = ["--enable_batching", f"--batching_parameters_file={file.name}"]
        with running_server(base_path, model_name="bench", rest=False, flags=flags) as server:
            request = make_request(definition, signature, 1)
            transport = GrpcTransport(server.grpc_address)
            call = lambda: transport.call("Predict", request, 30)  # noqa: E731
            throughput(call, 16, 1.0, 1)
            rows = throughput(call, 16, 8.0, 1)
            transport.close()
    return {"rows_per_s_16_clients": rows}


def main() -> None:
    """Prints the figures, and writes them to --out."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base-path", type=Path)
    parser.add_argument("--signature", default="serving_default")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base_path = options.base_path
        if base_path is None:
            base_path = Path(folder)
            make_toy(base_path / "1")
        definition, alone = in_process(base_path, options.signature)
        served = over_grpc(base_path, options.signature, definition)
        batched = with_batching(base_path, options.signature, definition)
    figures = {
        "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}",
        "model": str(options.base_path or "toy"),
        "signature": options.signature,
        "in_process": alone,
        **served,
        **batched,
        "grpc_overhead_ms_p50": round(served["grpc_ms"]["p50"] - alone["batch_of_1_ms"]["p50"], 3),
        "batched_share": round(batched["rows_per_s_16_clients"] / alone["rows_per_s_batched"], 3),
    }
    print(json.dumps(figures, indent=2))
    if options.out:
        options.out.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
