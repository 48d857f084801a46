"""Which ops a stock TensorFlow Serving has."""

from pathlib import Path
from typing import Any

LISTS = ("tensorflow_2_20_ops.txt", "tensorflow_text_2_20_ops.txt")
SERVED = {op for name in LISTS for op in (Path(__file__).parent / "tfrec" / name).read_text().split()}


def strangers(graph: Any) -> set[str]:
    """Ops of a GraphDef, main graph and function library, that a stock TensorFlow Serving 2.20 does not have."""
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    own = {function.signature.name for function in graph.library.function}
    return {node.op for node in nodes} - own - SERVED
