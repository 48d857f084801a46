"""Our indexes in a process of their own, since TensorFlow's threads are counted once for a process.

    python -m benchmarks.index_served QUESTION.npz ANSWER.npz

The settings' `task` says what is asked: `build` makes the indexes and saves each as a SavedModel, `ask` loads them as a
server does and measures.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2

from benchmarks.one_query import K, figures
from benchmarks.peers.environment import read_message, write_message
from serving.model_server.saved_model import SavedModel
from tfrec.export import save_functions
from tfrec.retrieval.clustered_index import ClusteredIndex
from tfrec.retrieval.filters import Filters
from tfrec.retrieval.index import ExactIndex, Query

Row = dict[str, Any]


def build(settings: dict[str, Any], arrays: dict[str, np.ndarray]) -> list[Row]:
    """Saves an exact index and a clustered one for each wanted recall, `folder/0`, `folder/1` …"""
    vectors = np.concatenate([np.zeros((1, arrays["vectors"].shape[1]), np.float32), arrays["vectors"]])
    rows = []
    for number, recall in enumerate([None, *settings["recalls"]]):
        started = time.perf_counter()
        if recall is None:
            index, engine, setting = ExactIndex.of(vectors), "exact", ""
        else:
            index = ClusteredIndex.of(vectors, arrays["sample"], recall=recall, k=K)
            engine, setting = "clustered", f"recall={recall} visits={index.visits}/{index.cells}"
        seconds = time.perf_counter() - started
        folder = Path(settings["folder"]) / str(number)
        save(index, folder)
        size = sum(np.prod(v.shape) * tf.as_dtype(v.dtype).size for v in index.variables) / 1e6
        about = {"engine": engine, "setting": setting, "build_seconds": seconds, "megabytes": float(size)}
        rows.append({**about, "folder": str(folder)})
    return rows


def save(index: ExactIndex, folder: Path) -> None:
    """A signature from a vector to rows, as the funnel's are written."""

    def search(vector: tf.Tensor) -> dict[str, tf.Tensor]:
        nothing = Filters(tf.zeros([tf.shape(vector)[0], 1], tf.int32))
        answer = index.search(Query.of(vector), nothing, K)
        return {"rows": answer.rows, "score": answer.score, "partition": answer.spread.partition}

    function = tf.function(search, autograph=False)
    spec = tf.TensorSpec([None, index.dim], tf.float32, "vector")
    save_functions({"search": function.get_concrete_function(spec)}, [index], folder)


def ask(settings: dict[str, Any], arrays: dict[str, np.ndarray]) -> list[Row]:
    """One row for each saved index, with `threads` threads."""
    threads, rows = settings["threads"], []
    config = config_pb2.ConfigProto(
        intra_op_parallelism_threads=threads, inter_op_parallelism_threads=threads
    )
    for row in settings["rows"]:
        model = SavedModel(row["folder"], config=config.SerializeToString())
        signature = model.signatures["search"]
        feed = signature.inputs["vector"].name
        fetches = [signature.outputs[name].name for name in ("rows", "score", "partition")]
        find = lambda query: model.run({feed: query}, fetches)[0] - 1  # noqa: B023, E731
        measured = figures(find, arrays["asked"], arrays["truth"], settings["repeats"])
        rows.append({**row, "threads": threads, **measured})
        model.close()
    return rows


def main() -> None:
    """Answers the question."""
    settings, arrays = read_message(sys.argv[1])
    answer = {"build": build, "ask": ask}[settings["task"]](settings, arrays)
    write_message(sys.argv[2], {"rows": answer}, {})


if __name__ == "__main__":
    main()
