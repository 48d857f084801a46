"""From a request's aliases to the graph's tensor names and back: TensorFlow Serving's checks of a Predict
request."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from serving.model_server.status import StatusError, invalid_argument
from serving.model_server.tensors import Array, decode, dtype_name

DEFAULT_SIGNATURE = "serving_default"


def find_signature(signatures: Mapping[str, Any], name: str) -> tuple[str, Any]:
    """The signature's resolved name and definition; an empty name means serving_default."""
    name = name or DEFAULT_SIGNATURE
    if name not in signatures:
        raise StatusError("FAILED_PRECONDITION", f'Serving signature key "{name}" not found.')
    return name, signatures[name]


def feeds_of(signature: Any, inputs: Mapping[str, Any]) -> dict[str, Array]:
    """Tensor name → array for the TensorProtos of a request, completed by the signature's defaults."""
    if not signature.defaults:
        _check_count(signature, inputs)
    feeds = {}
    for position, (alias, info) in enumerate(sorted(signature.inputs.items())):
        if alias in inputs:
            feeds[info.name] = _parse(alias, inputs[alias])
            _check_type(position, inputs[alias].dtype, info.dtype)
        elif alias in signature.defaults:
            feeds[info.name] = _parse(alias, signature.defaults[alias])
        else:
            raise _missing_alias(alias, info.name, inputs, signature)
    extra = sorted(set(inputs) - set(signature.inputs))
    if extra:
        used = ",".join(sorted(set(inputs) & set(signature.inputs)))
        raise invalid_argument(
            f"Inputs contains invalid name. Used request inputs: {used}, request input: "
            f"{','.join(sorted(inputs))}"
        )
    return feeds


def _parse(alias: str, proto: Any) -> Array:
    try:
        return decode(proto)
    except (ValueError, OverflowError, MemoryError) as error:
        raise invalid_argument(f"tensor parsing error: {alias}") from error


def _check_type(position: int, received: int, expected: int) -> None:
    """The session's own check, made before requests are merged so that one of a wrong type fails alone."""
    if received != expected:
        raise invalid_argument(
            f"Expects arg[{position}] to be {dtype_name(expected)} but {dtype_name(received)} is provided"
        )


def _check_count(signature: Any, inputs: Mapping[str, Any]) -> None:
    if len(inputs) == len(signature.inputs):
        return
    sent, wanted = set(inputs), set(signature.inputs)
    raise invalid_argument(
        f"input size does not match signature: {len(sent)}!={len(wanted)} len({_set(sent)}) != "
        f"len({_set(wanted)}). "
        f"Sent extra: {_set(sent - wanted)}. Missing but required: {_set(wanted - sent)}."
    )


def _missing_alias(alias: str, tensor_name: str, inputs: Mapping[str, Any], signature: Any) -> StatusError:
    return invalid_argument(
        f"Signature input alias: {alias}(feed name: {tensor_name}) not found in request and no default value "
        "provided. "
        f"Inputs expected to be in the request {_set(inputs)}, or default input alias set: "
        f"{','.join(sorted(signature.defaults))}"
    )


def output_aliases(signature: Any, output_filter: Sequence[str]) -> list[str]:
    """The outputs to fetch, in a fixed order; an empty filter means all of them."""
    if not output_filter:
        return sorted(signature.outputs)
    seen: set[str] = set()
    for alias in output_filter:
        if alias not in signature.outputs:
            raise invalid_argument(
                f"output tensor alias not found in signature: {alias} "
                f"Outputs expected to be in the set {_set(signature.outputs)}."
            )
        if alias in seen:
            raise invalid_argument(f"duplicate output tensor alias: {alias}")
        seen.add(alias)
    return sorted(seen)


def _set(names: Iterable[str]) -> str:
    return "{" + ",".join(sorted(names)) + "}"
