"""JSON bodies of classify and regress → Examples: {"examples": [{feature: value | list | {"b64": ...}}],
"context": {...}}."""

from typing import Any

from serving.model_server.rest.json_request import fill_signature, parse_object
from serving.model_server.rest.json_values import decode_base64, is_base64, text_of
from serving.model_server.status import StatusError, invalid_argument


def fill_examples(body: bytes, request: Any) -> None:
    """Fills a ClassificationRequest or RegressionRequest whose model_spec names the model."""
    document = parse_object(body)
    fill_signature(document, request.model_spec)
    examples = request.input.example_list
    if "context" in document:
        examples = request.input.example_list_with_context
        _fill_example(document["context"], examples.context)
    if "examples" not in document:
        raise invalid_argument(
            f"JSON Value: {text_of(document)} When method is classify, key 'examples' is expected and was "
            "not found"
        )
    if not isinstance(document["examples"], list):
        raise invalid_argument(
            f"JSON Value: {text_of(document)} Expecting 'examples' value to be an list/array"
        )
    if not document["examples"]:
        raise invalid_argument(f"JSON Value: {text_of(document)} 'examples' value is an empty array")
    for value in document["examples"]:
        _fill_example(value, examples.examples.add())


def _fill_example(value: Any, example: Any) -> None:
    if not isinstance(value, dict):
        raise invalid_argument(f"Example must be JSON object but got JSON {_kind(value)}")
    for name, content in value.items():
        feature = example.features.feature[name]
        for element in content if isinstance(content, list) else [content]:
            _add(feature, name, element)


def _add(feature: Any, name: str, value: Any) -> None:
    if isinstance(value, bool):
        _list(feature, "int64_list", name).append(int(value))
    elif isinstance(value, str):
        _list(feature, "bytes_list", name).append(value.encode("utf-8", "surrogatepass"))
    elif is_base64(value):
        _list(feature, "bytes_list", name).append(decode_base64(value))
    elif isinstance(value, float):
        _list(feature, "float_list", name).append(value)
    elif isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise invalid_argument(f"Feature: {name} has uint64 element. Only int64 is supported.")
        _list(feature, "int64_list", name).append(value)
    else:
        raise invalid_argument(f"Feature: {name} has element with unexpected JSON type: {_kind(value)}")


def _list(feature: Any, wanted: str, name: str) -> Any:
    kind = feature.WhichOneof("kind")
    if kind not in (None, wanted):
        raise _mixed(name, kind)
    return getattr(feature, wanted).value


def _mixed(name: str, kind: str) -> StatusError:
    return invalid_argument(
        f"Unexpected element type in feature: {name} expecting type: {kind.removesuffix('_list')}"
    )


def _kind(value: Any) -> str:
    return {type(None): "Null", bool: str(value), list: "Array", dict: "Object", str: "String"}.get(
        type(value), "Number"
    )
