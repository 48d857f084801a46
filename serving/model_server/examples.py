"""Classify, Regress and MultiInference: signatures that take serialized tensorflow.Example and give labels,
scores or values."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from serving import wire
from serving.model_server.signatures import DEFAULT_SIGNATURE
from serving.model_server.status import StatusError, invalid_argument
from serving.model_server.tensors import Array, dtype_name

METHODS = ("tensorflow/serving/classify", "tensorflow/serving/regress")


def find_signature(signatures: Mapping[str, Any], name: str) -> tuple[str, Any]:
    """The signature's resolved name and definition."""
    name = name or DEFAULT_SIGNATURE
    if name not in signatures:
        raise invalid_argument(f"No signature was found with the name: {name}")
    return name, signatures[name]


def find_task_signature(signatures: Mapping[str, Any], task: Any) -> tuple[str, Any]:
    """As find_signature, for one task of a MultiInference request."""
    if task.method_name not in METHODS:
        raise StatusError("UNIMPLEMENTED", f"Unsupported signature method_name: {task.method_name}")
    name = task.model_spec.signature_name or DEFAULT_SIGNATURE
    if name not in signatures:
        raise invalid_argument(f"Requested signature not found in model graph: {name}")
    return name, signatures[name]


def check_tasks(tasks: Sequence[Any]) -> None:
    """All tasks ask one model, each for another signature."""
    seen = set()
    for task in tasks:
        if not task.model_spec.name:
            raise invalid_argument("Found ModelSpec with an empty model name.")
        if task.model_spec.name != tasks[0].model_spec.name:
            raise invalid_argument(
                "All ModelSpecs in a MultiInferenceRequest must access the same model name."
            )
        name = task.model_spec.signature_name or DEFAULT_SIGNATURE
        if name in seen:
            raise invalid_argument(f"Duplicate evaluation of signature: {name}")
        seen.add(name)


def count(given: Any) -> int:
    """How many examples an Input holds."""
    kind = given.WhichOneof("kind")
    return len(getattr(given, kind).examples) if kind else 0


def classify(servable: Any, signature: Any, given: Any) -> Any:
    """A ClassificationResult with one Classifications for each example."""
    _check_one(signature.inputs, "inputs", "Expected one input Tensor named inputs.")
    aliases = sorted(signature.outputs)
    if not aliases or set(aliases) - {"classes", "scores"}:
        raise invalid_argument(
            "Expected classification signature outputs to contain at least one of 'classes' or 'scores'. "
            f"Received: {aliases}."
        )
    rows = _serialized(given)
    values = dict(zip(aliases, _run(servable, signature, rows, aliases), strict=True))
    for alias, dtype in (("classes", "DT_STRING"), ("scores", "DT_FLOAT")):
        if alias in values:
            _check_output(values[alias], alias, signature.outputs[alias], dtype, ranks=(2,), count=len(rows))
    return _classification_result(values, len(rows))


def _classification_result(values: Mapping[str, Array], count: int) -> Any:
    if len({value.shape for value in values.values()}) > 1:
        raise invalid_argument("Tensors class and score should match in dim_size(1).")
    result = wire.ClassificationResult()
    for row in range(count):
        classes = result.classifications.add().classes
        for column in range(next(iter(values.values())).shape[1]):
            entry = classes.add()
            if "classes" in values:
                entry.label = values["classes"][row, column].decode("utf-8", "replace")
            if "scores" in values:
                entry.score = values["scores"][row, column]
    return result


def regress(servable: Any, signature: Any, given: Any) -> Any:
    """A RegressionResult with one value for each example."""
    _check_one(signature.inputs, "inputs", "Expected one input Tensor named inputs.")
    _check_one(signature.outputs, "outputs", "Expected one output Tensor named outputs.")
    rows = _serialized(given)
    (values,) = _run(servable, signature, rows, ["outputs"])
    _check_output(values, "outputs", signature.outputs["outputs"], "DT_FLOAT", ranks=(1, 2), count=len(rows))
    if values.ndim == 2 and values.shape[1] != 1:
        raise invalid_argument(
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1]. Received: "
            f"{values.shape}."
        )
    result = wire.RegressionResult()
    for value in values.ravel().tolist():
        result.regressions.add(value=value)
    return result


def _serialized(given: Any) -> Array:
    """The examples as bytes [n]; a shared context is merged in by concatenation, as protobuf merges
    messages."""
    kind = given.WhichOneof("kind")
    context = b""
    if kind == "example_list_with_context":
        context = given.example_list_with_context.context.SerializeToString()
    examples = getattr(given, kind).examples if kind else []
    if not examples:
        raise invalid_argument("Input is empty.")
    rows = np.empty(len(examples), object)
    rows[:] = [context + example.SerializeToString() for example in examples]
    return rows


def _run(servable: Any, signature: Any, rows: Array, aliases: Sequence[str]) -> list[Array]:
    feeds = {signature.inputs["inputs"].name: rows}
    return [
        np.asarray(value)
        for value in servable.run(feeds, [signature.outputs[alias].name for alias in aliases])
    ]


def _check_one(tensors: Mapping[str, Any], alias: str, message: str) -> None:
    if list(tensors) != [alias]:
        raise invalid_argument(f"{message} Received: {sorted(tensors)}.")


def _check_output(
    value: Array, alias: str, info: Any, dtype: str, *, ranks: tuple[int, ...], count: int
) -> None:
    if info.dtype != wire.DataType[dtype]:
        raise invalid_argument(f"Expected {alias} Tensor of {dtype}. Was: {dtype_name(info.dtype)}")
    if value.ndim not in ranks:
        raise invalid_argument(
            f"Expected Tensor shape: [batch_size num_classes] but got {list(value.shape)} for {alias}"
        )
    if value.shape[0] != count:
        raise invalid_argument(f"Expected {alias} output batch size of {count}. Got: {value.shape[0]}")
