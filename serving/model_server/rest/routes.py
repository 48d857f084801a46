"""HTTP method and path → an Api call → status code and body. Knows no sockets, so tests call it directly."""

import logging
import re
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from serving import wire
from serving.model_server.api import Api
from serving.model_server.metrics import Metrics
from serving.model_server.rest import json_response
from serving.model_server.rest.json_examples import fill_examples
from serving.model_server.rest.json_request import predict_request
from serving.model_server.status import StatusError, invalid_argument
from serving.model_server.versions import INT64_MAX

log = logging.getLogger(__name__)

_MODEL = r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_CALL = re.compile(rf"(?i:{_MODEL}):(?P<verb>predict|classify|regress)")
_LOOK = re.compile(rf"(?i:{_MODEL})(?P<metadata>(?i:/metadata))?")

HTTP_CODES = {
    name: number
    for number, names in {
        200: ["OK"],
        400: ["INVALID_ARGUMENT", "FAILED_PRECONDITION", "OUT_OF_RANGE"],
        401: ["UNAUTHENTICATED"],
        403: ["PERMISSION_DENIED"],
        404: ["NOT_FOUND"],
        409: ["ALREADY_EXISTS", "ABORTED"],
        429: ["RESOURCE_EXHAUSTED"],
        499: ["CANCELLED"],
        500: ["INTERNAL", "UNKNOWN", "DATA_LOSS"],
        501: ["UNIMPLEMENTED"],
        503: ["UNAVAILABLE"],
        504: ["DEADLINE_EXCEEDED"],
    }.items()
    for name in names
}


@dataclass(frozen=True)
class Reply:
    """What goes back over HTTP."""

    code: int
    body: str
    content_type: str = "application/json"


class Routes:
    """Every path of the REST API.

    Args:
        api: what answers.
        metrics: where requests below /v1/ are counted.
        timeout: seconds; a request that took longer is answered with 504. Its run is not interrupted.
        metrics_path: where Prometheus reads the metrics; "" for nowhere.
    """

    def __init__(self, api: Api, metrics: Metrics, *, timeout: float = 30.0, metrics_path: str = ""):
        self._api = api
        self._metrics = metrics
        self._timeout = timeout
        self._metrics_path = metrics_path

    def handle(self, method: str, path: str, body: bytes) -> Reply:
        """The reply to one request; never raises."""
        path = path.partition("?")[0]
        if self._metrics_path and path == self._metrics_path:
            return Reply(200, self._metrics.text(), "text/plain")
        if not re.match(r"(?i)/v1(/|$)", path):
            return Reply(
                404,
                "<html><head><title>404 Not Found</title></head><body><h1>Not Found</h1></body></html>",
                "text/html",
            )
        start = time.perf_counter()
        call = _CALL.fullmatch(path) or _LOOK.fullmatch(path)
        reply, status = self._guarded(method, path, body)
        seconds = time.perf_counter() - start
        if seconds > self._timeout:
            late = StatusError("DEADLINE_EXCEEDED", "Timed out")
            reply, status = Reply(HTTP_CODES[late.code], json_response.error(late)), late.code
        model = unquote(call["name"]) if call else ""
        self._metrics.count_request(model, status)
        if status == "OK":
            verb = call.groupdict().get("verb") or "" if call else ""
            self._metrics.observe_request(model, verb, "REST", seconds)
        return reply

    def _guarded(self, method: str, path: str, body: bytes) -> tuple[Reply, str]:
        """The reply and its canonical code; never raises."""
        try:
            return Reply(200, self._answer(method, path, body)), "OK"
        except _NumberTooLargeError:
            return Reply(400, ""), "INVALID_ARGUMENT"
        except StatusError as error:
            return Reply(HTTP_CODES[error.code], json_response.error(error)), error.code
        except Exception as error:
            log.exception("Request failed unexpectedly")
            failure = StatusError("INTERNAL", f"{type(error).__name__}: {error}")
            return Reply(500, json_response.error(failure)), failure.code

    def _answer(self, method: str, path: str, body: bytes) -> str:
        if method == "POST" and (call := _CALL.fullmatch(path)):
            return str(getattr(self, f"_{call['verb']}")(_spec(call), body))
        if method == "GET" and (look := _LOOK.fullmatch(path)):
            return self._metadata(_spec(look)) if look["metadata"] else self._status(_spec(look))
        if method == "GET" and re.fullmatch(r"(?i)/v1/models/?", path):
            raise invalid_argument("Missing model name in request.")
        raise invalid_argument(f"Malformed request: {method} {path}")

    def _predict(self, spec: Any, body: bytes) -> str:
        request = wire.PredictRequest(model_spec=spec)
        rows = predict_request(body, request, self._api.signature_inputs)
        return json_response.predictions(self._api.predict(request).outputs, rows=rows)

    def _classify(self, spec: Any, body: bytes) -> str:
        request = wire.ClassificationRequest(model_spec=spec)
        fill_examples(body, request)
        return json_response.classifications(self._api.classify(request).result)

    def _regress(self, spec: Any, body: bytes) -> str:
        request = wire.RegressionRequest(model_spec=spec)
        fill_examples(body, request)
        return json_response.regressions(self._api.regress(request).result)

    def _status(self, spec: Any) -> str:
        return json_response.status(self._api.get_model_status(wire.GetModelStatusRequest(model_spec=spec)))

    def _metadata(self, spec: Any) -> str:
        request = wire.GetModelMetadataRequest(model_spec=spec, metadata_field=["signature_def"])
        return json_response.metadata(self._api.get_model_metadata(request))


class _NumberTooLargeError(Exception):
    """The version in the path does not fit an int64."""


def _spec(match: re.Match[str]) -> Any:
    spec = wire.ModelSpec(name=unquote(match["name"]))
    if match["version"] is not None:
        number = int(match["version"])
        if number > INT64_MAX:
            raise _NumberTooLargeError
        spec.version.value = number
    if match["label"] is not None:
        spec.version_label = unquote(match["label"])
    return spec
