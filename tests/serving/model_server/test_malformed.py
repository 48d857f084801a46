"""Random and broken requests: only documented codes, and the server lives on."""

import http.client
import json

import grpc
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from benchmarks.odd_requests import METHODS, VERBS, predict_messages, rest_bodies
from benchmarks.process import resident_mb
from serving import wire
from serving.model_server.rest.routes import HTTP_CODES

CODES = {"INVALID_ARGUMENT", "FAILED_PRECONDITION", "NOT_FOUND", "UNIMPLEMENTED"}
SIGNATURES = dict.fromkeys(
    ("optional", "product", "classify", "regress", "raw", "total"), ("x", "words", "u", "k", "s")
)
fuzz = settings(deadline=None, max_examples=120, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def raw(server):
    """Sends bytes as a request, and gives the code's name."""
    with grpc.insecure_channel(server.grpc_address) as channel:

        def send(method, body):
            try:
                channel.unary_unary(f"/tensorflow.serving.{method}")(body, timeout=20)
                return "OK"
            except grpc.RpcError as error:
                return error.code().name

        yield send


@fuzz
@given(predict_messages("toy", SIGNATURES))
def test_odd_requests_over_grpc(raw, body):
    assert raw("PredictionService/Predict", body) in {"OK", *CODES}


@fuzz
@given(st.sampled_from(METHODS), st.binary(max_size=60))
def test_bytes_that_may_be_no_message(raw, method, body):
    code = raw(f"PredictionService/{method}", body)
    assert code in {*CODES, "INTERNAL"}  # gRPC itself says INTERNAL when a message cannot be parsed


@fuzz
@given(st.sampled_from(VERBS), rest_bodies(SIGNATURES))
@example("predict", b'{"instances": ' + b"[" * 5000)
@example("predict", b'{"signature_name": "product", "inputs": [[1e999, 1, 1]]}')
@example("predict", b'{"signature_name": "raw", "instances": ["\\ud800"]}')
def test_odd_bodies_over_rest(server, verb, body):
    connection = http.client.HTTPConnection(server.rest_address, timeout=20)
    connection.request("POST", f"/v1/models/toy:{verb}", body)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    assert response.status in {200, *(HTTP_CODES[code] for code in CODES)}
    assert response.status == 200 or "error" in json.loads(text)


def test_what_cannot_be_parsed_leaves_nothing_behind(raw, server):
    """gRPC's own parsing kept 16 KB of each such call: 16 MB here."""
    for _ in range(200):
        raw("PredictionService/Predict", b"\xff")
    before = resident_mb(server.pid)
    for _ in range(1000):
        assert raw("PredictionService/Predict", b"\xff") == "INTERNAL"
    assert resident_mb(server.pid) < before + 4.0


def test_it_still_answers(raw, server):
    request = wire.GetModelStatusRequest(model_spec={"name": "toy"})
    assert raw("ModelService/GetModelStatus", request.SerializeToString()) == "OK"
