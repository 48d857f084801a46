"""The gRPC face: all services through generic handlers, health, reflection, TLS."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from serving import wire
from serving.model_server.api import Api
from serving.model_server.metrics import Metrics
from serving.model_server.profiler import Profiler
from serving.model_server.status import StatusError

log = logging.getLogger(__name__)

MAX_STATUS_BYTES = 1024
INT32_MAX = 2**31 - 1
COUNTED = ("Predict", "Classify", "Regress")  # as TensorFlow Serving does

API_METHODS = {
    wire.PREDICTION_SERVICE: {
        "Predict": "predict",
        "Classify": "classify",
        "Regress": "regress",
        "MultiInference": "multi_inference",
        "GetModelMetadata": "get_model_metadata",
    },
    wire.MODEL_SERVICE: {
        "GetModelStatus": "get_model_status",
        "HandleReloadConfigRequest": "handle_reload_config_request",
    },
}
PROFILER_METHODS = {"Profile": "profile", "Terminate": "terminate", "Monitor": "monitor"}


def make_server(
    api: Api,
    metrics: Metrics,
    *,
    threads: int,
    with_health: bool = False,
    profiler: Profiler | None = None,
    options: list[tuple[str, Any]] | None = None,
) -> grpc.Server:
    """A server with all services and no port yet.

    Args:
        metrics: where inference requests are counted.
        threads: requests in work at a time.
        with_health: serve grpc.health.v1 under the three names that TensorFlow Serving sets.
        profiler: answers the profiler service; None = there is none.
        options: channel arguments.
    """
    limits = [("grpc.max_send_message_length", INT32_MAX), ("grpc.max_receive_message_length", INT32_MAX)]
    server = grpc.server(
        ThreadPoolExecutor(threads, thread_name_prefix="grpc"),
        options=[*limits, ("grpc.so_reuseport", 0), *(options or [])],
    )
    for service, methods in API_METHODS.items():
        _add_service(server, service, api, methods, metrics)
    names = [*API_METHODS, reflection.SERVICE_NAME]
    if profiler:
        _add_service(server, wire.PROFILER_SERVICE, profiler, PROFILER_METHODS, metrics)
        names.append(wire.PROFILER_SERVICE)
    if with_health:
        _add_health(server)
        names.append(health.SERVICE_NAME)
    reflection.enable_server_reflection(names, server, pool=wire.POOL)
    return server


def _add_service(
    server: grpc.Server, service: str, owner: Any, methods: dict[str, str], metrics: Metrics
) -> None:
    types = wire.method_types(service)
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(
            _parsed(_guarded(getattr(owner, method), name, metrics), types[name][0]),
            response_serializer=types[name][1].SerializeToString,
        )
        for name, method in methods.items()
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))


def _parsed(handle: Callable[[Any, grpc.ServicerContext], Any], kind: Any) -> Callable[..., Any]:
    """Reads the request here: where gRPC does and cannot, it keeps 16 KB of every such call for ever (grpcio 1.85)."""

    def read_and_handle(body: bytes, context: grpc.ServicerContext) -> Any:
        try:
            request = kind.FromString(body)
        except DecodeError:
            context.abort(grpc.StatusCode.INTERNAL, "The request cannot be parsed.")
        return handle(request, context)

    return read_and_handle


def _guarded(
    call: Callable[[Any], Any], name: str, metrics: Metrics
) -> Callable[[Any, grpc.ServicerContext], Any]:
    def handle(request: Any, context: grpc.ServicerContext) -> Any:
        start = time.perf_counter()
        response, failure = _outcome(call, request, context)
        if name in COUNTED:
            code = failure.code if failure else "OK"
            metrics.count_request(request.model_spec.name, code)
            if failure is None:
                seconds = time.perf_counter() - start
                metrics.observe_request(request.model_spec.name, name, "GRPC", seconds)
        if failure is not None:
            context.abort(grpc.StatusCode[failure.code], truncated(failure.message))
        return response

    return handle


def _outcome(
    call: Callable[[Any], Any], request: Any, context: grpc.ServicerContext
) -> tuple[Any, StatusError | None]:
    remaining = context.time_remaining()
    if remaining is not None and remaining <= 0:
        return None, StatusError("DEADLINE_EXCEEDED", "Deadline exceeded before the request was run")
    try:
        return call(request), None
    except StatusError as error:
        return None, error
    except Exception as error:  # a bug here must not look like the client's fault
        log.exception("Request failed unexpectedly")
        return None, StatusError("INTERNAL", f"{type(error).__name__}: {error}")


def truncated(message: str) -> str:
    """gRPC carries the message in a header; TensorFlow Serving cuts it at 1024 bytes."""
    raw = message.encode("utf-8", "replace")
    if len(raw) <= MAX_STATUS_BYTES:
        return message
    tail = b"...TRUNCATED"
    return (raw[: MAX_STATUS_BYTES - len(tail)] + tail).decode("utf-8", "ignore")


def _add_health(server: grpc.Server) -> None:
    servicer = health.HealthServicer()
    for name in ("", "ModelService", "PredictionService"):
        servicer.set(name, health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)


def credentials(config: Any) -> grpc.ServerCredentials:
    """TLS credentials of an SSLConfig; `client_verify` asks clients for a certificate of `custom_ca`."""
    return grpc.ssl_server_credentials(
        [(config.server_key.encode(), config.server_cert.encode())],
        root_certificates=config.custom_ca.encode() or None,
        require_client_auth=config.client_verify,
    )
