"""What gRPC clients count on."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from serving import wire
from serving.acceptance.check import Check, Failed, Target, expect, expect_code
from serving.client import Client, GrpcTransport, Query, codec

K = 5
SECONDS = 120.0  # the first run with other outputs may have to optimize the graph anew
SIGNATURES = {"serving_default", "recommend", "retrieve", "rank", "embed_text", "embed_item"}


def version_is_available(target: Target) -> None:
    """A version is AVAILABLE."""
    with Client(target.grpc, model=target.model) as client:
        states = {version.state for version in client.status()}
    if "AVAILABLE" not in states:
        raise Failed(f"states are {sorted(states)}")


def signatures_are_told(target: Target) -> None:
    """Metadata names the six signatures."""
    with Client(target.grpc, model=target.model) as client:
        found = set(client.metadata())
    expect("missing", set(), SIGNATURES - found)


def list_is_ordered(target: Target) -> None:
    """A list has k different items, scores never rise."""
    with Client(target.grpc, model=target.model) as client:
        slate = client.recommend(k=K)
    scores = [item.score for item in slate]
    expect("different items", K, len({item.item_id for item in slate}))
    expect("scores", sorted(scores, reverse=True), scores)


def history_does_not_come_back(target: Target) -> None:
    """Items of the history, or excluded ones, are not recommended."""
    with Client(target.grpc, model=target.model) as client:
        first = [item.item_id for item in client.recommend(k=4)]
        again = {item.item_id for item in client.recommend(history=first[:2], exclude=first[2:], k=K)}
    expect("seen or excluded", set(), again & set(first))


def batch_is_as_its_rows(target: Target) -> None:
    """Two users in one request get what each gets alone."""
    with Client(target.grpc, model=target.model) as client:
        items = [item.item_id for item in client.recommend(k=12)]
        queries = [Query("", items[:3]), Query("", items[3:12])]
        alone = [client.recommend_batch([query], k=K)[0] for query in queries]
        together = client.recommend_batch(queries, k=K)
    expect("lists", [_ids(slate) for slate in alone], [_ids(slate) for slate in together])


def merged_requests_stay_apart(target: Target) -> None:
    """Sixteen callers at once, histories of 3 and 9, get what each gets alone."""
    with Client(target.grpc, model=target.model, timeout=SECONDS) as client:
        items = [item.item_id for item in client.recommend(k=12)]
        histories = [items[:3], items[3:12]]
        alone = [_ids(client.recommend(history=history, k=K)) for history in histories]
        with ThreadPoolExecutor(16) as pool:
            found = list(pool.map(lambda n: _ids(client.recommend(history=histories[n % 2], k=K)), range(64)))
    expect("lists", [alone[n % 2] for n in range(64)], found)


def outputs_are_filtered(target: Target) -> None:
    """output_filter leaves the other outputs out."""
    response = _predict(target, lambda request: request.output_filter.append("score"))
    expect("outputs", {"score"}, set(response.outputs))


def outputs_are_typed(target: Target) -> None:
    """Outputs come in typed fields, the model_spec is resolved."""
    response = _predict(target)
    scores, ids = response.outputs["score"], response.outputs["item_id"]
    expect("filled fields", (True, True), (len(scores.float_val) > 0, len(ids.string_val) > 0))
    expect("tensor_content", (b"", b""), (scores.tensor_content, ids.tensor_content))
    spec = response.model_spec
    expect("model_spec", (target.model, "serving_default"), (spec.name, spec.signature_name))
    if spec.version.value < 1:
        raise Failed(f"version {spec.version.value}")


def content_is_read(target: Target) -> None:
    """A request may carry strings in tensor_content."""

    def pack(request: Any) -> None:
        tensor = request.inputs["user_id"]
        del tensor.string_val[:]
        tensor.tensor_content = b"\x01u"  # the lengths, then the bytes

    expect("rows", 1, _predict(target, pack).outputs["score"].tensor_shape.dim[0].size)


def reflection_lists_services(target: Target) -> None:
    """Reflection names both services."""
    import grpc
    from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

    with grpc.insecure_channel(target.grpc) as channel:
        found = set(ProtoReflectionDescriptorDatabase(channel).get_services())
    expect("missing", set(), {wire.PREDICTION_SERVICE, wire.MODEL_SERVICE} - found)


def _refused(code: str, name: str, change: Callable[[Any], None]) -> Check:
    def check(target: Target) -> None:
        expect_code(code, lambda: _predict(target, change))

    check.__doc__ = f"{name}: {code}"
    return check


def _float_ids(request: Any) -> None:
    request.inputs["user_id"].CopyFrom(codec.floats([1.0]))


REFUSED = [
    _refused("INVALID_ARGUMENT", "No model_spec", lambda request: request.ClearField("model_spec")),
    _refused("INVALID_ARGUMENT", "No model name", lambda request: request.model_spec.ClearField("name")),
    _refused("NOT_FOUND", "An unknown model", lambda request: _set(request.model_spec, name="no such model")),
    _refused(
        "NOT_FOUND", "An unknown version", lambda request: _set(request.model_spec.version, value=2**40)
    ),
    _refused(
        "NOT_FOUND", "Version 0 is no wildcard", lambda request: request.model_spec.version.SetInParent()
    ),
    _refused(
        "INVALID_ARGUMENT", "An unknown label", lambda request: _set(request.model_spec, version_label="none")
    ),
    _refused(
        "FAILED_PRECONDITION", "An unknown signature", lambda r: _set(r.model_spec, signature_name="none")
    ),
    _refused(
        "INVALID_ARGUMENT", "An input that the signature lacks", lambda r: r.inputs["none"].SetInParent()
    ),
    _refused("INVALID_ARGUMENT", "An input of another type", _float_ids),
    _refused("INVALID_ARGUMENT", "An unknown output", lambda request: request.output_filter.append("none")),
    _refused(
        "INVALID_ARGUMENT", "An output twice", lambda request: request.output_filter.extend(["score"] * 2)
    ),
]


def deadline_is_kept(target: Target) -> None:
    """A deadline that has passed: DEADLINE_EXCEEDED."""
    expect_code("DEADLINE_EXCEEDED", lambda: _predict(target, timeout=1e-6))


def metadata_wants_a_field(target: Target) -> None:
    """Metadata without a field: INVALID_ARGUMENT."""
    request = wire.GetModelMetadataRequest(model_spec=wire.ModelSpec(name=target.model))
    expect_code("INVALID_ARGUMENT", lambda: _call(target, "GetModelMetadata", request))


def status_of_nothing(target: Target) -> None:
    """The status of an unknown model: NOT_FOUND."""
    request = wire.GetModelStatusRequest(model_spec=wire.ModelSpec(name="no such model"))
    expect_code("NOT_FOUND", lambda: _call(target, "GetModelStatus", request))


CHECKS: list[Check] = [
    version_is_available,
    signatures_are_told,
    list_is_ordered,
    history_does_not_come_back,
    batch_is_as_its_rows,
    merged_requests_stay_apart,
    outputs_are_filtered,
    outputs_are_typed,
    content_is_read,
    reflection_lists_services,
    *REFUSED,
    deadline_is_kept,
    metadata_wants_a_field,
    status_of_nothing,
]


def default_request(target: Target) -> Any:
    """A request to serving_default for one unknown user."""
    inputs = {"user_id": codec.strings(["u"]), "history": codec.string_rows([[]])}
    return wire.PredictRequest(model_spec=wire.ModelSpec(name=target.model), inputs=inputs)


def _predict(
    target: Target, change: Callable[[Any], Any] = lambda _: None, *, timeout: float = SECONDS
) -> Any:
    request = default_request(target)
    change(request)
    return _call(target, "Predict", request, timeout)


def _call(target: Target, method: str, request: Any, timeout: float = SECONDS) -> Any:
    transport = GrpcTransport(target.grpc, retries=0)
    try:
        return transport.call(method, request, timeout)
    finally:
        transport.close()


def _set(message: Any, **fields: Any) -> None:
    for name, value in fields.items():
        setattr(message, name, value)


def _ids(slate: Any) -> list[str]:
    return [item.item_id for item in slate]
