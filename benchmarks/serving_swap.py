"""New versions while sixteen clients ask without a pause: no request may fail, and none may mix two versions.

    python -m benchmarks.serving_swap [--seconds 60] [--versions 3] [--clients 16] [--batching] [--out
    FILE.json]

The model answers y = x · version and the version's name; a response is right if both agree with the version
in its model_spec. Versions are published as an exporter does it: copied under another name, then renamed.
"""

import argparse
import os
import shutil
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from benchmarks.machine import describe_machine
from benchmarks.raw_result import show_and_keep
from serving import wire
from serving.client import Client, GrpcTransport, codec
from serving.model_server.process import running_server


def make_versions(root: Path, count: int) -> list[Path]:
    """`count` saved models, outside any base path."""
    import tensorflow as tf

    class Toy(tf.Module):
        def __init__(self, version: int) -> None:
            self.version = tf.Variable(float(version))
            self.name_of_version = tf.Variable(f"v{version}")

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
        def serve(self, x: Any) -> dict[str, Any]:
            return {"y": x * self.version, "name": tf.fill(tf.shape(x), self.name_of_version)}

    paths = [root / f"toy-{number}" for number in range(1, count + 1)]
    for number, path in enumerate(paths, start=1):
        toy = Toy(number)
        tf.saved_model.save(toy, str(path), signatures={"serving_default": toy.serve})
    return paths


def publish(path: Path, base: Path, number: int) -> None:
    """Copies aside, then renames into place."""
    shutil.copytree(path, base / "incoming")
    os.rename(base / "incoming", base / str(number))


class Asker:
    """Asks until told to stop, and counts what came."""

    def __init__(self, address: str):
        self.outcomes: Counter[str] = Counter()
        self._address = address
        self._stop = threading.Event()

    def work(self) -> None:
        """One client's loop."""
        transport = GrpcTransport(self._address, retries=0)
        request = wire.PredictRequest(model_spec={"name": "recommender"})
        request.inputs["x"].CopyFrom(codec.floats([1.0]))
        while not self._stop.is_set():
            try:
                response = transport.call("Predict", request, 10)
                number = response.model_spec.version.value
                y, name = codec.flat(response.outputs["y"])[0], codec.flat(response.outputs["name"])[0]
                self.outcomes[f"v{number}" if (y, name) == (number, b"v%d" % number) else "mixed"] += 1
            except Exception as error:
                self.outcomes[f"failed: {error}"[:80]] += 1
        transport.close()

    def stop(self) -> None:
        """Ends all loops."""
        self._stop.set()


def measure(base: Path, paths: list[Path], options: argparse.Namespace) -> dict[str, Any]:
    """Outcome → number of responses."""
    publish(paths[0], base, 1)
    flags = ["--file_system_poll_wait_seconds=0.5", *(["--enable_batching"] if options.batching else [])]
    with running_server(base, rest=False, flags=flags) as server:
        asker = Asker(server.grpc_address)
        threads = [threading.Thread(target=asker.work) for _ in range(options.clients)]
        for thread in threads:
            thread.start()
        for number, path in enumerate(paths[1:], start=2):
            time.sleep(options.seconds / len(paths))
            publish(path, base, number)
        time.sleep(options.seconds / len(paths))
        asker.stop()
        for thread in threads:
            thread.join()
        with Client(server.grpc_address) as client:
            states = {f"state of v{status.version}": status.state for status in client.status()}
    return {**dict(sorted(asker.outcomes.items())), **states}


def main() -> None:
    """Prints the outcomes, and writes them to --out."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--versions", type=int, default=3, help="new versions after the first")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--batching", action="store_true")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder) / "base"
        base.mkdir()
        figures = {
            "machine": describe_machine(),
            "seconds": options.seconds,
            "clients": options.clients,
            "batching": options.batching,
            **measure(base, make_versions(Path(folder), options.versions + 1), options),
        }
    show_and_keep(figures, options.out)


if __name__ == "__main__":
    main()
