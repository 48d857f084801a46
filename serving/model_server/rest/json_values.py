"""JSON values → elements of a TensorProto, with TensorFlow Serving's checks and texts."""

import base64
import binascii
import json
import re
from typing import Any

from serving import wire
from serving.model_server.status import StatusError, invalid_argument
from serving.model_server.tensors import dtype_name

INT32 = (-(2**31), 2**31 - 1)
INT64 = (-(2**63), 2**63 - 1)
INTEGERS = {
    "DT_INT32": ("int_val", *INT32),
    "DT_INT16": ("int_val", *INT32),
    "DT_INT8": ("int_val", *INT32),
    "DT_UINT8": ("int_val", *INT32),
    "DT_INT64": ("int64_val", *INT64),
    "DT_UINT32": ("uint32_val", 0, 2**32 - 1),
    "DT_UINT64": ("uint64_val", 0, 2**64 - 1),
}
DECIMALS = {
    "DT_FLOAT": ("float_val", 2**24 - 1, 3.4028234663852886e38),
    "DT_DOUBLE": ("double_val", 2**53 - 1, 1.8e308),
}
_DTYPE = {number: name for name, number in wire.DataType.items()}


def text_of(value: Any) -> str:
    """A value as error messages show it."""
    return json.dumps(value, indent=4, ensure_ascii=False)


def shape_of(value: Any) -> list[int]:
    """The shape that the first elements of nested lists promise."""
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        value = value[0] if value else None
    return shape


def fill_tensor(tensor: Any, value: Any, dtype: int, shape: list[int]) -> None:
    """Fills an empty TensorProto from nested lists of that shape."""
    set_shape(tensor, dtype, shape)
    fill_values(tensor, value, dtype, shape, 0)


def set_shape(tensor: Any, dtype: int, shape: list[int]) -> None:
    """Writes type and shape."""
    tensor.dtype = dtype
    for extent in shape:
        tensor.tensor_shape.dim.add(size=extent)


def fill_values(tensor: Any, value: Any, dtype: int, shape: list[int], level: int) -> None:
    """Appends the elements of `value`, which must have `shape` from `level` on."""
    if not isinstance(value, list):
        if level != len(shape):
            raise invalid_argument(
                f"JSON Value: {text_of(value)} found at incorrect level: {level + 1} in the JSON DOM. "
                f"Expected at level: {len(shape)}"
            )
        _add_value(tensor, value, dtype)
        return
    if level >= len(shape):
        raise invalid_argument(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise invalid_argument(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: "
            f"{shape[level]}"
        )
    for element in value:
        fill_values(tensor, element, dtype, shape, level + 1)


def _add_value(tensor: Any, value: Any, dtype: int) -> None:
    name = _DTYPE.get(dtype, "")
    if name == "DT_STRING":
        tensor.string_val.append(_bytes_of(value, dtype))
    elif name in DECIMALS:
        _add_decimal(tensor, value, dtype, *DECIMALS[name])
    elif name in INTEGERS:
        field, low, high = INTEGERS[name]
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise type_error(value, dtype)
        getattr(tensor, field).append(value)
    elif name == "DT_BOOL":
        if not isinstance(value, bool):
            raise type_error(value, dtype)
        tensor.bool_val.append(value)
    else:
        raise StatusError(
            "UNIMPLEMENTED", f"Conversion of JSON Value: {text_of(value)} to type: {dtype_name(dtype)}"
        )


def _add_decimal(tensor: Any, value: Any, dtype: int, field: str, largest_int: int, largest: float) -> None:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise type_error(value, dtype)
    limit = largest_int if isinstance(value, int) and -(2**63) <= value < 2**64 else largest
    if value == value and abs(value) not in (float("inf"),) and abs(value) > limit:
        raise invalid_argument(
            f"Cannot convert JSON value: {text_of(value)} to {dtype_name(dtype)} without loss of precision."
        )
    getattr(tensor, field).append(value)


def _bytes_of(value: Any, dtype: int) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, dict):
        return decode_base64(value)
    raise type_error(value, dtype)


def type_error(value: Any, dtype: int) -> StatusError:
    """The error for a JSON value that cannot become an element of a tensor of that type."""
    kind = (
        "Null"
        if value is None
        else {bool: str(value), str: "String", list: "Array", dict: "Object"}.get(type(value), "Number")
    )
    return invalid_argument(
        f"JSON Value: {text_of(value)} Type: {kind} is not of expected type: {dtype_name(dtype)}"
    )


def is_base64(value: Any) -> bool:
    """True for {"b64": "..."}, which stands for bytes."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get("b64"), str)


def is_named(value: Any) -> bool:
    """True for an object that names inputs."""
    return isinstance(value, dict) and not is_base64(value)


def decode_base64(value: dict[str, Any]) -> bytes:
    """The bytes that {"b64": "..."} stands for; missing padding is forgiven."""
    if not is_base64(value):
        raise invalid_argument(f"JSON Value: {text_of(value)} not formatted correctly for base64 data")
    text = re.sub(r"\s", "", value["b64"])
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid_argument("Unable to base64 decode") from error
