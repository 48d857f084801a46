"""JSON request bodies → request messages, with TensorFlow Serving's rules and texts."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
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
_PARSE_ERRORS = {
    "Extra data": "The document root must not be followed by other values.",
    "Expecting property name enclosed in double quotes": "Missing a name for object member.",
    "Expecting ':' delimiter": "Missing a colon after a name of object member.",
    "Expecting ',' delimiter": "Missing a comma or closing bracket.",
    "Unterminated string starting at": "Missing a closing quotation mark in string.",
    "Invalid \\escape": "Invalid escape character in string.",
    "Invalid control character at": "Invalid encoding in string.",
}

SignatureInputs = Callable[[Any], Mapping[str, Any]]


def parse_object(body: bytes) -> dict[str, Any]:
    """The body as a JSON object.

    Raises:
        StatusError: INVALID_ARGUMENT, it is none.
    """
    if not body:
        raise invalid_argument("JSON Parse error: The document is empty")
    try:
        value = json.loads(body.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        reason = _PARSE_ERRORS.get(error.msg, "Invalid value.")
        raise invalid_argument(f"JSON Parse error: {reason} at offset: {error.pos}") from error
    except UnicodeDecodeError as error:
        raise invalid_argument(
            f"JSON Parse error: Invalid encoding in string. at offset: {error.start}"
        ) from error
    except (RecursionError, ValueError) as error:
        raise invalid_argument(f"JSON Parse error: {error} at offset: 0") from error
    if not isinstance(value, dict):
        raise invalid_argument(f"JSON Value: {text_of(value)} Is not object")
    return value


def text_of(value: Any) -> str:
    """A value as error messages show it."""
    return json.dumps(value, indent=4, ensure_ascii=False)


def fill_signature(document: Mapping[str, Any], spec: Any) -> None:
    """Takes the optional "signature_name" over into the ModelSpec."""
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid_argument(
            f"JSON Value: {text_of(document)} not formatted correctly. 'signature_name' key must be a string "
            "value."
        )
    spec.signature_name = name


def predict_request(body: bytes, request: Any, signature_inputs: SignatureInputs) -> bool:
    """Fills a PredictRequest whose model_spec names the model. Returns True for the row format ("instances").

    Args:
        signature_inputs: ModelSpec → alias → TensorInfo; looks the model up.
    """
    document = parse_object(body)
    fill_signature(document, request.model_spec)
    infos = signature_inputs(request.model_spec)
    if "instances" in document and "inputs" in document:
        raise invalid_argument(
            f"JSON Value: {text_of(document)} Not formatted correctly expecting only one of 'inputs' or "
            "'instances' keys to exist "
        )
    if "instances" in document:
        instances = document["instances"]
        if not isinstance(instances, list):
            raise invalid_argument(
                f"JSON Value: {text_of(document)} Excepting 'instances' to be an list/array"
            )
        if not instances:
            raise invalid_argument(f"JSON Value: {text_of(document)} No values in 'instances' array")
        fill_rows(instances, infos, request.inputs)
        return True
    if "inputs" not in document:
        raise invalid_argument("Missing 'inputs' or 'instances' key")
    fill_columns(document["inputs"], infos, request.inputs)
    return False


def fill_columns(value: Any, infos: Mapping[str, Any], tensors: Any) -> None:
    """The columnar format: one value, or an object with one value for each input."""
    if not isinstance(value, dict) or is_base64(value):
        if len(infos) > 1:
            raise invalid_argument(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as "
                "per tensorinfo_map"
            )
        value = {next(iter(infos)): value}
    for name, info in infos.items():
        if name not in value:
            raise invalid_argument(f"Missing named input: {name} in 'inputs' object.")
        _fill_tensor(tensors[name], value[name], info.dtype, shape_of(value[name]))


def fill_rows(instances: list[Any], infos: Mapping[str, Any], tensors: Any) -> None:
    """The row format: a list of values, or of objects that each have all inputs."""
    if len(infos) > 1 and not isinstance(instances[0], dict):
        raise invalid_argument(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as "
            "per tensorinfo_map"
        )
    objects = _is_named(instances[0])
    shapes: dict[str, list[int]] = {}
    for index, element in enumerate(instances):
        if _is_named(element) != objects:
            expected, got = ("object", "list") if objects else ("value/list", "object")
            raise invalid_argument(f"Expecting {expected} but got {got} at item {index} of input list")
        row = element if objects else {next(iter(infos)): element}
        for name, value in row.items():
            try:
                _add_row(tensors, name, value, infos, shapes)
            except StatusError as error:
                key = f" key: {name}" if objects else ""
                raise invalid_argument(
                    f"Failed to process element: {index}{key} of 'instances' list. Error: {error}"
                ) from error
        if row.keys() != infos.keys():
            raise invalid_argument(
                f"Failed to process element: {index} of 'instances' list. JSON object: {text_of(element)} "
                f"keys must be equal to: {','.join(sorted(infos))}"
            )
    for name, shape in shapes.items():
        _set_shape(tensors[name], infos[name].dtype, [len(instances), *shape])


def _add_row(
    tensors: Any, name: str, value: Any, infos: Mapping[str, Any], shapes: dict[str, list[int]]
) -> None:
    if name not in infos:
        raise invalid_argument(f"JSON object: does not have named input: {name}")
    shape = shape_of(value)
    _fill_values(tensors[name], value, infos[name].dtype, shape, 0)
    known = shapes.setdefault(name, shape)
    if _size(known) != _size(shape):
        raise invalid_argument(f"Expecting tensor size: {_size(known)} but got: {_size(shape)}")
    if known != shape:
        raise invalid_argument(f"Expecting shape {_shape_text(known)} but got: {_shape_text(shape)}")


def _size(shape: list[int]) -> int:
    size = 1
    for extent in shape:
        size *= extent
    return size


def _shape_text(shape: list[int]) -> str:
    return "[" + ",".join(map(str, shape)) + "]"


def shape_of(value: Any) -> list[int]:
    """The shape that the first elements of nested lists promise."""
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        value = value[0] if value else None
    return shape


def _fill_tensor(tensor: Any, value: Any, dtype: int, shape: list[int]) -> None:
    _set_shape(tensor, dtype, shape)
    _fill_values(tensor, value, dtype, shape, 0)


def _set_shape(tensor: Any, dtype: int, shape: list[int]) -> None:
    tensor.dtype = dtype
    for extent in shape:
        tensor.tensor_shape.dim.add(size=extent)


def _fill_values(tensor: Any, value: Any, dtype: int, shape: list[int], level: int) -> None:
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
        _fill_values(tensor, element, dtype, shape, level + 1)


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


def _is_named(value: Any) -> bool:
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
