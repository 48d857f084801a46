"""One version of a model in memory: the server's only door to TensorFlow.

Loads through the compat.v1 loader and runs through a session callable, which is the path TensorFlow Serving
takes, so results, pruning and error texts come from the same C++ code. `Session.run` would cast and check in
Python first, and costs eight times more.
"""

import glob
import importlib.util
import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from tensorflow.core.protobuf import config_pb2
from tensorflow.python.client import session as tf_session
from tensorflow.python.framework import errors_impl, load_library, op_def_registry, ops
from tensorflow.python.saved_model import loader_impl

from serving import wire
from serving.model_server.status import StatusError
from serving.model_server.tensors import Array

CODE_NAMES = {number: name for name, number in wire.Code.items()}


class SavedModel:
    """A SavedModel folder, loaded and restored.

    Args:
        path: the version's folder, which holds saved_model.pb.
        tags: tags of the meta graph to load.
        config: a serialized tensorflow.ConfigProto for the session, or b"".

    Raises:
        StatusError: the folder cannot be loaded, with TensorFlow's own message.
    """

    def __init__(self, path: str, *, tags: Sequence[str] = ("serve",), config: bytes = b""):
        self.path = path
        graph = ops.Graph()
        self._session = tf_session.Session(graph=graph, config=config_pb2.ConfigProto.FromString(config))
        try:
            with graph.as_default():
                _load_text_ops(path)
                meta_graph = loader_impl.load(self._session, list(tags), path)
        except Exception as error:
            self._session.close()
            raise _load_error(error) from error
        self.signatures: dict[str, Any] = {
            key: wire.SignatureDef.FromString(value.SerializeToString())
            for key, value in meta_graph.signature_def.items()
        }
        self._callable = lru_cache(maxsize=256)(self._make_callable)

    def run(self, feeds: Mapping[str, Array], fetches: Sequence[str]) -> list[Any]:
        """Feeds arrays by tensor name and returns one array for each name in `fetches`.

        Raises:
            StatusError: what the graph says, with its code.
        """
        names = tuple(sorted(feeds))
        wanted = tuple(
            dict.fromkeys(fetches)
        )  # the session refuses to fetch a tensor twice; two aliases may name one
        try:
            values = self._callable(names, wanted)(*(feeds[name] for name in names))
        except errors_impl.OpError as error:
            raise StatusError(CODE_NAMES.get(error.error_code, "UNKNOWN"), error.message) from error
        except (ValueError, TypeError) as error:  # the feed cannot be turned into a tensor at all
            raise StatusError("INVALID_ARGUMENT", str(error)) from error
        by_name = dict(zip(wanted, values, strict=True))
        return [by_name[name] for name in fetches]

    def _make_callable(self, feeds: tuple[str, ...], fetches: tuple[str, ...]) -> Any:
        return self._session._make_callable_from_options(
            config_pb2.CallableOptions(feed=feeds, fetch=fetches)
        )

    def close(self) -> None:
        """Frees the session and its variables. No run may be going on."""
        self._callable.cache_clear()
        self._session.close()


def _load_error(error: Exception) -> StatusError:
    if isinstance(error, errors_impl.OpError):
        return StatusError(CODE_NAMES.get(error.error_code, "UNKNOWN"), error.message)
    if isinstance(error, OSError):
        return StatusError("NOT_FOUND", str(error))
    return StatusError("INVALID_ARGUMENT", f"{type(error).__name__}: {error}")


def _load_text_ops(path: str) -> None:
    """Registers TensorFlow Text's ops if this model names one that is unknown so far.

    Loaded library by library: `import tensorflow_text` would import Keras, which no model server needs.
    """
    meta_graphs = loader_impl.parse_saved_model(path).meta_graphs
    used = {op.name for graph in meta_graphs for op in graph.meta_info_def.stripped_op_list.op}
    used |= {
        node.op for graph in meta_graphs for f in graph.graph_def.library.function for node in f.node_def
    }
    functions = {f.signature.name for graph in meta_graphs for f in graph.graph_def.library.function}
    if all(op_def_registry.get(name) for name in used - functions):
        return
    spec = importlib.util.find_spec("tensorflow_text")
    if spec is not None and spec.origin is not None:
        for library in sorted(
            glob.glob(os.path.join(os.path.dirname(spec.origin), "python", "**", "_*.so"), recursive=True)
        ):
            load_library.load_op_library(library)


def session_config(intra_op_threads: int, inter_op_threads: int) -> bytes:
    """A serialized ConfigProto; 0 threads lets TensorFlow choose."""
    return config_pb2.ConfigProto(
        intra_op_parallelism_threads=intra_op_threads, inter_op_parallelism_threads=inter_op_threads
    ).SerializeToString()
