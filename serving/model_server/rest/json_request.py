"""JSON request bodies → request messages, with TensorFlow Serving's rules and texts."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from serving.model_server.rest.json_values import (
    fill_tensor,
    fill_values,
    is_base64,
    is_named,
    set_shape,
    shape_of,
    text_of,
)
from serving.model_server.status import StatusError, invalid_argument

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
        fill_tensor(tensors[name], value[name], info.dtype, shape_of(value[name]))


def fill_rows(instances: list[Any], infos: Mapping[str, Any], tensors: Any) -> None:
    """The row format: a list of values, or of objects that each have all inputs."""
    if len(infos) > 1 and not isinstance(instances[0], dict):
        raise invalid_argument(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as "
            "per tensorinfo_map"
        )
    objects = is_named(instances[0])
    shapes: dict[str, list[int]] = {}
    for index, element in enumerate(instances):
        if is_named(element) != objects:
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
        set_shape(tensors[name], infos[name].dtype, [len(instances), *shape])


def _add_row(
    tensors: Any, name: str, value: Any, infos: Mapping[str, Any], shapes: dict[str, list[int]]
) -> None:
    if name not in infos:
        raise invalid_argument(f"JSON object: does not have named input: {name}")
    shape = shape_of(value)
    fill_values(tensors[name], value, infos[name].dtype, shape, 0)
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
