"""Response messages → JSON text, laid out as TensorFlow Serving lays it out: four spaces, a row's arrays on
one line.

Python's json would write 0.20000000298023224 for a float32 of 0.2; here a float has the shortest six-digit
form that reads back as itself, else nine digits (seventeen for a double), and a whole number keeps its ".0".
"""

import base64
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from google.protobuf import json_format

from serving import wire
from serving.model_server.status import StatusError, invalid_argument

FIELDS = {
    wire.DataType[name]: field
    for field, names in {
        "float_val": ["DT_FLOAT"],
        "double_val": ["DT_DOUBLE"],
        "int_val": ["DT_INT32", "DT_INT16", "DT_INT8", "DT_UINT8"],
        "int64_val": ["DT_INT64"],
        "string_val": ["DT_STRING"],
        "bool_val": ["DT_BOOL"],
        "uint32_val": ["DT_UINT32"],
        "uint64_val": ["DT_UINT64"],
    }.items()
    for name in names
}


def predictions(outputs: Mapping[str, Any], *, rows: bool) -> str:
    """The body of a predict response, in the format of the request."""
    if not outputs:
        raise invalid_argument("Cannot convert empty tensor map to JSON")
    return _row_format(outputs) if rows else _columnar_format(outputs)


def _row_format(outputs: Mapping[str, Any]) -> str:
    count = _batch_size(outputs)
    named = len(outputs) > 1
    # a value stands in: the object, "predictions", and its own object if there are several outputs
    values = {name: _rows(name, tensor, level=3 if named else 2) for name, tensor in sorted(outputs.items())}
    if not named:
        (only,) = values.values()
        return '{\n    "predictions": [' + ", ".join(only) + "\n    ]\n}"
    objects = []
    for _ in range(count):
        members = ",\n".join(
            f"            {json.dumps(name)}: {next(texts)}" for name, texts in values.items()
        )
        objects.append("        {\n" + members + "\n        }")
    return '{\n    "predictions": [\n' + ",\n".join(objects) + "\n    ]\n}"


def _batch_size(outputs: Mapping[str, Any]) -> int:
    count = 0
    for name, tensor in sorted(outputs.items()):
        if not tensor.tensor_shape.dim:
            raise invalid_argument(f"Tensor name: {name} has no shape information ")
        size = tensor.tensor_shape.dim[0].size
        if size < 1:
            raise invalid_argument(f"Tensor name: {name} has invalid batch size: {size}")
        if count and size != count:
            raise invalid_argument(
                f"Tensor name: {name} has inconsistent batch size: {size} expecting: {count}"
            )
        count = size
    return count


def _rows(name: str, tensor: Any, *, level: int) -> Iterator[str]:
    leaves = _leaves(name, tensor, level + len(tensor.tensor_shape.dim) - 1)
    shape = [dim.size for dim in tensor.tensor_shape.dim]
    for _ in range(shape[0]):
        yield _on_one_line(leaves, shape[1:])


def _on_one_line(leaves: Iterator[str], shape: list[int]) -> str:
    if not shape:
        return next(leaves)
    return "[" + ", ".join(_on_one_line(leaves, shape[1:]) for _ in range(shape[0])) + "]"


def _columnar_format(outputs: Mapping[str, Any]) -> str:
    named = len(outputs) > 1
    texts = {}
    for name, tensor in sorted(outputs.items()):
        level = 2 if named else 1
        leaves = _leaves(name, tensor, level + len(tensor.tensor_shape.dim))
        texts[name] = _on_lines(leaves, [dim.size for dim in tensor.tensor_shape.dim], level)
    if not named:
        (only,) = texts.values()
        return '{\n    "outputs": ' + only + "\n}"
    members = ",\n".join(f"        {json.dumps(name)}: {text}" for name, text in texts.items())
    return '{\n    "outputs": {\n' + members + "\n    }\n}"


def _on_lines(leaves: Iterator[str], shape: list[int], level: int) -> str:
    if not shape:
        return next(leaves)
    if not shape[0]:
        return "[]"
    inner = "    " * (level + 1)
    elements = (inner + _on_lines(leaves, shape[1:], level + 1) for _ in range(shape[0]))
    return "[\n" + ",\n".join(elements) + "\n" + "    " * level + "]"


def _leaves(name: str, tensor: Any, level: int) -> Iterator[str]:
    """The text of each element. `level`: how many containers are open around it, for the layout of {"b64":
    ...}."""
    if tensor.dtype not in FIELDS:
        raise invalid_argument(f"Failed to write JSON value for tensor type: {_dtype(tensor.dtype)}")
    values = getattr(tensor, FIELDS[tensor.dtype])
    if tensor.dtype == wire.DataType["DT_STRING"]:
        return iter(
            [_base64(v, level) for v in values] if name.endswith("_bytes") else [_string(v) for v in values]
        )
    if tensor.dtype in (wire.DataType["DT_FLOAT"], wire.DataType["DT_DOUBLE"]):
        return iter(decimals(list(values), single=tensor.dtype == wire.DataType["DT_FLOAT"]))
    return iter([json.dumps(value) for value in values])


def _dtype(number: int) -> str:
    return {n: name for name, n in wire.DataType.items()}.get(number, "unknown")[3:].lower()


def _string(value: bytes) -> str:
    return json.dumps(value.decode("utf-8", "replace"), ensure_ascii=False)


def _base64(value: bytes, level: int) -> str:
    text = base64.b64encode(value).decode()
    return "{\n" + "    " * (level + 1) + f'"b64": "{text}"' + "\n" + "    " * level + "}"


def decimals(values: list[float], *, single: bool) -> list[str]:
    """Floats as text; `single` for float32 values."""
    texts = [f"{value:g}" for value in values]
    kind, digits = (np.float32, ".9g") if single else (np.float64, ".17g")
    with np.errstate(over="ignore"):
        exact = np.array([float(text) for text in texts], np.float64).astype(kind) == np.array(values, kind)
    return [
        _decimal(text if same else format(value, digits), value)
        for text, same, value in zip(texts, exact.tolist(), values, strict=True)
    ]


def _decimal(text: str, value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return text if "." in text or "e" in text else text + ".0"


def classifications(result: Any) -> str:
    """{"results": [[["label", score], ...], ...]}: one list for each example."""
    rows = []
    for entry in result.classifications:
        scores = decimals([c.score for c in entry.classes], single=True)
        pairs = (
            f"[{json.dumps(c.label, ensure_ascii=False)}, {score}]"
            for c, score in zip(entry.classes, scores, strict=True)
        )
        rows.append("[" + ", ".join(pairs) + "]")
    return '{\n    "results": [' + ", ".join(rows) + "\n    ]\n}"


def regressions(result: Any) -> str:
    """{"results": [value, ...]}: one number for each example."""
    return (
        '{\n    "results": ['
        + ", ".join(decimals([r.value for r in result.regressions], single=True))
        + "]\n}"
    )


def status(response: Any) -> str:
    """The body of GET /v1/models/NAME."""
    return json.dumps(_plain(response), indent=1)


def metadata(response: Any) -> str:
    """The body of GET /v1/models/NAME/metadata; the Any inside is opened."""
    signatures = wire.SignatureDefMap()
    response.metadata["signature_def"].Unpack(signatures)
    return json.dumps(
        {"model_spec": _plain(response.model_spec), "metadata": {"signature_def": _plain(signatures)}},
        indent=1,
    )


def _plain(message: Any) -> Any:
    return json_format.MessageToDict(
        message,
        always_print_fields_with_no_presence=True,
        preserving_proto_field_name=True,
        descriptor_pool=wire.POOL,
    )


def error(failure: StatusError) -> str:
    """The body of a failed request."""
    return json.dumps({"error": failure.message}, indent=4, ensure_ascii=False)
