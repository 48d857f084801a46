"""hnswlib, faiss and ScaNN, run by the interpreters of their own environments (see `environment.py`).

    python -m benchmarks.peers.nearest QUESTION.npz ANSWER.npz

The settings' `engine` is a key of `ENGINES`. It is built once, with all `threads`, and asked with several settings.
"""

import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.one_query import K, figures
from benchmarks.peers.environment import read_message, write_message

Find = Callable[[np.ndarray], np.ndarray]
Asked = Iterator[tuple[str, int, Find]]


class Hnswlib:
    """A graph (Malkov and Yashunin 2018); a query is answered by one thread."""

    package = "hnswlib"

    def __init__(self, vectors: np.ndarray, threads: int) -> None:
        import hnswlib

        self.index = hnswlib.Index(space="ip", dim=vectors.shape[1])
        self.index.init_index(max_elements=len(vectors), M=16, ef_construction=200)
        self.index.add_items(vectors, num_threads=threads)

    def save(self, folder: Path) -> None:
        self.index.save_index(str(folder / "index"))

    def settings(self, threads: list[int]) -> Asked:
        for ef in (100, 150, 200, 300, 500, 1000, 2000):
            self.index.set_ef(ef)
            yield f"M=16 ef={ef}", 1, lambda query: self.index.knn_query(query, k=K, num_threads=1)[0]


class Faiss:
    """An inverted file of float32 vectors."""

    package, storage = "faiss-cpu", "Flat"

    def __init__(self, vectors: np.ndarray, threads: int) -> None:
        import faiss

        self.faiss, self.cells = faiss, 4096 if len(vectors) > 300_000 else 1024
        faiss.omp_set_num_threads(threads)
        name = f"IVF{self.cells},{self.storage}"
        self.index = faiss.index_factory(vectors.shape[1], name, faiss.METRIC_INNER_PRODUCT)
        self.index.train(vectors[:: max(1, len(vectors) // (64 * self.cells))])
        self.index.add(vectors)

    def save(self, folder: Path) -> None:
        self.faiss.write_index(self.index, str(folder / "index"))

    def settings(self, threads: list[int]) -> Asked:
        for count in threads:
            self.faiss.omp_set_num_threads(count)
            for probes in (4, 8, 16, 32, 64, 128, 256, 512):
                self.index.nprobe = probes
                yield f"IVF{self.cells} nprobe={probes}", count, lambda query: self.index.search(query, K)[1]


class FaissInt8(Faiss):
    """The same of 8-bit codes, which are not scored again."""

    storage = "SQ8"


class Scann:
    """A tree, anisotropic codes, exact scores of the best 400; a query is answered by one thread."""

    package = "scann"

    def __init__(self, vectors: np.ndarray, threads: int) -> None:
        from scann.scann_ops.py import scann_ops_pybind

        leaves = 2000 if len(vectors) > 300_000 else 600
        tree = scann_ops_pybind.builder(vectors, K, "dot_product").tree(
            num_leaves=leaves, num_leaves_to_search=20, training_sample_size=250_000
        )
        codes = tree.score_ah(2, anisotropic_quantization_threshold=0.2).reorder(400)
        self.index = codes.set_n_training_threads(threads).build()

    def save(self, folder: Path) -> None:
        self.index.serialize(str(folder))

    def settings(self, threads: list[int]) -> Asked:
        for leaves in (5, 10, 20, 40, 80, 160, 320):
            yield (
                f"leaves={leaves}",
                1,
                lambda query, leaves=leaves: self.index.search(query[0], leaves_to_search=leaves)[0],
            )


ENGINES: dict[str, Any] = {"hnswlib": Hnswlib, "faiss": Faiss, "faiss int8": FaissInt8, "scann": Scann}


def rows(
    engine: str, arrays: dict[str, np.ndarray], threads: list[int], repeats: int
) -> list[dict[str, Any]]:
    """One row for each setting."""
    started = time.perf_counter()
    index = ENGINES[engine](arrays["vectors"], max(threads))
    seconds = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder:
        index.save(Path(folder))
        size = sum(file.stat().st_size for file in Path(folder).rglob("*"))
    about = {"engine": engine, "build_seconds": seconds, "megabytes": size / 1e6}
    return [
        {
            **about,
            "setting": name,
            "threads": count,
            **figures(find, arrays["asked"], arrays["truth"], repeats),
        }
        for name, count, find in index.settings(threads)
    ]


def main() -> None:
    """Answers the question."""
    settings, arrays = read_message(sys.argv[1])
    engine = settings["engine"]
    found = rows(engine, arrays, settings["threads"], settings["repeats"])
    package = ENGINES[engine].package
    facts = {"rows": found, "packages": {package: version(package)}, "python": platform.python_version()}
    write_message(sys.argv[2], facts, {})


if __name__ == "__main__":
    main()
