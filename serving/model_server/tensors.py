"""TensorProto ↔ numpy, with the rules of TensorFlow's own Tensor::FromProto and Tensor::AsProtoField."""

import math
from typing import Any

import ml_dtypes
import numpy as np

from serving import wire

Array = np.ndarray

MAX_FILLED_ELEMENTS = (
    1 << 28
)  # a request of a few bytes may not allocate more than this by leaving its values out

_NUMPY: dict[str, tuple[Any, str]] = {
    "DT_FLOAT": (np.float32, "float_val"),
    "DT_DOUBLE": (np.float64, "double_val"),
    "DT_INT32": (np.int32, "int_val"),
    "DT_UINT8": (np.uint8, "int_val"),
    "DT_INT16": (np.int16, "int_val"),
    "DT_INT8": (np.int8, "int_val"),
    "DT_UINT16": (np.uint16, "int_val"),
    "DT_STRING": (object, "string_val"),
    "DT_COMPLEX64": (np.complex64, "scomplex_val"),
    "DT_COMPLEX128": (np.complex128, "dcomplex_val"),
    "DT_INT64": (np.int64, "int64_val"),
    "DT_BOOL": (np.bool_, "bool_val"),
    "DT_BFLOAT16": (ml_dtypes.bfloat16, "half_val"),
    "DT_HALF": (np.float16, "half_val"),
    "DT_UINT32": (np.uint32, "uint32_val"),
    "DT_UINT64": (np.uint64, "uint64_val"),
}
_BY_NUMBER = {wire.DataType[name]: (np.dtype(kind), field) for name, (kind, field) in _NUMPY.items()}
_NUMBERS = {dtype: (number, field) for number, (dtype, field) in _BY_NUMBER.items()}
_NAMES = {number: name[3:].lower() for name, number in wire.DataType.items()}


def dtype_name(number: int) -> str:
    """TensorFlow's name of a DataType number: 1 → "float"."""
    return _NAMES.get(number, "unknown")


def numpy_dtype(number: int) -> np.dtype:
    """The numpy dtype of a DataType number. ValueError if a request cannot carry it."""
    if number not in _BY_NUMBER:
        raise ValueError(
            f"Expected a data type that a tensor on the wire can have. Received: {dtype_name(number)}."
        )
    return _BY_NUMBER[number][0]


def decode(proto: Any) -> Array:
    """A TensorProto as an array; strings become an object array of bytes. ValueError if it is no valid
    tensor.

    Too few values in the typed field: the last one is repeated, none means zeros; too many are cut.
    """
    dtype = numpy_dtype(proto.dtype)
    extent = proto.tensor_shape
    shape = tuple([dim.size for dim in extent.dim])
    if extent.unknown_rank or min(shape, default=0) < 0:
        raise ValueError(f"Expected a fully defined shape. Received: {list(shape)}.")
    if proto.tensor_content:
        return _decode_content(proto.tensor_content, dtype, shape)
    return _filled(_values(proto, dtype), dtype, shape)


def _decode_content(content: bytes, dtype: np.dtype, shape: tuple[int, ...]) -> Array:
    if dtype.hasobject:
        return _split_strings(content, math.prod(shape)).reshape(shape)
    return np.frombuffer(content, dtype).reshape(shape)


def _values(proto: Any, dtype: np.dtype) -> Array:
    field = _NUMBERS[dtype][1]
    values = getattr(proto, field)[:]  # a plain list is read several times faster than a repeated field
    if field == "string_val":
        array = np.empty(len(values), object)
        array[:] = values
        return array
    if field == "half_val":
        return np.array(values, np.int32).astype(np.uint16).view(dtype)
    if field in ("scomplex_val", "dcomplex_val"):
        pairs = np.array(values[: len(values) // 2 * 2], np.float32 if dtype == np.complex64 else np.float64)
        return pairs.view(dtype)
    return np.array(values, np.int32).astype(dtype) if field == "int_val" else np.array(values, dtype)


def _filled(values: Array, dtype: np.dtype, shape: tuple[int, ...]) -> Array:
    count = math.prod(shape)
    if len(values) >= count:
        return (values if len(values) == count else values[:count]).reshape(shape)
    if count > MAX_FILLED_ELEMENTS:
        raise ValueError(f"Expected values for a tensor of {count} elements. Received: {len(values)}.")
    filler = values[-1] if len(values) else (b"" if dtype.hasobject else dtype.type(0))
    array = np.full(count, filler, dtype)
    array[: len(values)] = values
    return array.reshape(shape)


def _split_strings(content: bytes, count: int) -> Array:
    """TensorFlow's packed form of a string tensor: `count` varint lengths, then the bytes of all strings."""
    if count > len(content):
        raise ValueError(f"Expected {count} strings. Received: {len(content)} bytes.")
    lengths, position = [], 0
    for _ in range(count):
        length, position = _varint(content, position)
        lengths.append(length)
    if position + sum(lengths) != len(content):
        raise ValueError(f"Expected {position + sum(lengths)} bytes of strings. Received: {len(content)}.")
    array = np.empty(count, object)
    for index, length in enumerate(lengths):
        array[index] = content[position : position + length]
        position += length
    return array


def _varint(content: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 35, 7):
        if position >= len(content):
            break
        byte = content[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError("Expected a varint length in the strings' content.")


def encode(array: Any, into: Any, *, as_content: bool = False) -> None:
    """Writes an array into the TensorProto `into`: the dtype's typed field, as TensorFlow Serving's clients
    read it.

    Args:
        array: what the session returned for one output.
        into: an empty TensorProto.
        as_content: raw bytes in tensor_content instead, for all but strings.
    """
    array = np.asarray(array, object) if isinstance(array, (bytes, str)) else np.asarray(array)
    into.dtype, field = _NUMBERS[array.dtype]
    add_dim = into.tensor_shape.dim.add
    for size in array.shape:
        add_dim(size=size)
    if as_content and field != "string_val":
        into.tensor_content = array.tobytes()
    else:
        getattr(into, field).extend(_plain(array.ravel(), field))


def _plain(flat: Array, field: str) -> list[Any]:
    if field == "half_val":
        flat = flat.view(np.uint16)
    elif field == "scomplex_val":
        flat = flat.view(np.float32)
    elif field == "dcomplex_val":
        flat = flat.view(np.float64)
    return flat.tolist()
