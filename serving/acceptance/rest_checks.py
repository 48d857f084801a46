"""What HTTP clients count on."""

import base64
import http.client
import json
from typing import Any

from serving.acceptance.check import Check, Failed, Skipped, Target, expect
from serving.client import Client

ROW = {"user_id": "u", "history": [""]}


def status_over_rest(target: Target) -> None:
    """REST: a version is AVAILABLE."""
    code, body = _ask(target, "GET", f"/v1/models/{target.model}")
    expect("status", 200, code)
    states = [version["state"] for version in body["model_version_status"]]
    if "AVAILABLE" not in states:
        raise Failed(f"states are {states}")


def metadata_over_rest(target: Target) -> None:
    """REST: metadata names serving_default's inputs."""
    code, body = _ask(target, "GET", f"/v1/models/{target.model}/metadata")
    expect("status", 200, code)
    found = body["metadata"]["signature_def"]["signature_def"]["serving_default"]["inputs"]
    expect("inputs", {"user_id", "history"}, set(found))


def rows_and_columns_agree(target: Target) -> None:
    """REST: rows, columns and gRPC give the same items."""
    code, rows = _predict(target, {"instances": [ROW]})
    expect("status of rows", 200, code)
    code, columns = _predict(target, {"inputs": {name: [value] for name, value in ROW.items()}})
    expect("status of columns", 200, code)
    expect("columns", rows["predictions"][0]["item_id"], columns["outputs"]["item_id"][0])
    with Client(target.grpc, model=target.model) as client:
        ids = [item.item_id for item in client.recommend("u", k=5)]
    expect("gRPC", rows["predictions"][0]["item_id"][:5], ids)


def base64_is_read(target: Target) -> None:
    """REST: strings may come as base64."""
    encoded = {"b64": base64.b64encode(b"u").decode()}
    plain = _predict(target, {"instances": [ROW]})
    expect("answer", plain, _predict(target, {"instances": [{**ROW, "user_id": encoded}]}))


def unknown_model_over_rest(target: Target) -> None:
    """REST: an unknown model is 404."""
    expect("status", 404, _ask(target, "GET", "/v1/models/none")[0])
    expect("status", 404, _ask(target, "POST", "/v1/models/none:predict", {"instances": [ROW]})[0])


def malformed_over_rest(target: Target) -> None:
    """REST: malformed requests are 400 with an error."""
    bodies: list[Any] = [{}, [], {"instances": []}, {"instances": [{"user_id": "u"}]}, {"instances": [3]}]
    bodies += [{"instances": [ROW], "inputs": ROW}, {"signature_name": "none", "instances": [ROW]}]
    for body in bodies:
        code, answer = _predict(target, body)
        expect(f"status of {body}", 400, code)
        expect(f"keys of the answer to {body}", {"error"}, set(answer))
    expect("status of another path", 400, _ask(target, "GET", "/v1/nothing")[0])


CHECKS: list[Check] = [
    status_over_rest,
    metadata_over_rest,
    rows_and_columns_agree,
    base64_is_read,
    unknown_model_over_rest,
    malformed_over_rest,
]


def _predict(target: Target, body: Any) -> tuple[int, Any]:
    return _ask(target, "POST", f"/v1/models/{target.model}:predict", body)


def _ask(target: Target, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    if not target.rest:
        raise Skipped("no --rest address was given")
    connection = http.client.HTTPConnection(target.rest, timeout=120)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        response = connection.getresponse()
        return response.status, json.loads(response.read() or b"null")
    finally:
        connection.close()
