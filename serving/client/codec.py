"""Plain Python values ↔ TensorProto, without numpy."""

from array import array
from collections.abc import Sequence
from typing import Any

from serving import wire

_FIELDS = {
    wire.DataType["DT_FLOAT"]: ("float_val", "f"),
    wire.DataType["DT_DOUBLE"]: ("double_val", "d"),
    wire.DataType["DT_INT32"]: ("int_val", "i"),
    wire.DataType["DT_INT64"]: ("int64_val", "q"),
    wire.DataType["DT_BOOL"]: ("bool_val", "b"),
    wire.DataType["DT_STRING"]: ("string_val", ""),
}


def tensor(dtype: int, shape: Sequence[int], values: Sequence[Any]) -> Any:
    """A TensorProto of flat `values`; str become UTF-8."""
    proto = wire.TensorProto(dtype=dtype)
    for size in shape:
        proto.tensor_shape.dim.add(size=size)
    if dtype == wire.DataType["DT_STRING"]:
        values = [v.encode() if isinstance(v, str) else v for v in values]
    getattr(proto, _FIELDS[dtype][0]).extend(values)
    return proto


def strings(values: Sequence[str]) -> Any:
    """string[B]."""
    return tensor(wire.DataType["DT_STRING"], [len(values)], values)


def string_rows(rows: Sequence[Sequence[str]]) -> Any:
    """string[B, W] with "" in column 0, short rows filled up with "".

    TensorFlow Serving merges requests by filling a row up with the tensor's own FIRST element, and cannot
    fill up an empty tensor. The leading "" makes that element one which the model drops.
    """
    width = 1 + max((len(row) for row in rows), default=0)
    flat = [value for row in rows for value in ("", *row, *[""] * (width - 1 - len(row)))]
    return tensor(wire.DataType["DT_STRING"], [len(rows), width], flat)


def ints(values: Sequence[int]) -> Any:
    """int32[B]."""
    return tensor(wire.DataType["DT_INT32"], [len(values)], values)


def floats(values: Sequence[float]) -> Any:
    """float[B]."""
    return tensor(wire.DataType["DT_FLOAT"], [len(values)], values)


def repeated(proto: Any, rows: int) -> Any:
    """A default of one row [1, ...], once for each of `rows` rows."""
    shape = [dim.size for dim in proto.tensor_shape.dim]
    values = flat(proto)
    size = 1
    for extent in shape:
        size *= extent
    values = values + values[-1:] * (size - len(values))
    return tensor(proto.dtype, [rows, *shape[1:]], values * (rows // max(1, shape[0] if shape else 1)))


def flat(proto: Any) -> list[Any]:
    """The elements in order; strings are bytes."""
    name, code = _FIELDS[proto.dtype]
    if proto.tensor_content and code:
        return array(code, proto.tensor_content).tolist()
    return list(getattr(proto, name))


def rows_of(proto: Any) -> list[list[Any]]:
    """A matrix [B, K] as B lists; strings are decoded."""
    count, width = (dim.size for dim in proto.tensor_shape.dim)
    values = flat(proto)
    if proto.dtype == wire.DataType["DT_STRING"]:
        values = [value.decode("utf-8", "replace") for value in values]
    return [values[row * width : (row + 1) * width] for row in range(count)]
