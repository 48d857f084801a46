"""Random and broken requests: only documented codes, and the server lives on."""

import http.client
import json

import grpc
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from serving import wire
from serving.model_server.rest.routes import HTTP_CODES

CODES = {"INVALID_ARGUMENT", "FAILED_PRECONDITION", "NOT_FOUND", "UNIMPLEMENTED"}
SIGNATURES = ["", "optional", "product", "classify", "regress", "raw", "total", "nope"]
fuzz = settings(deadline=None, max_examples=120, suppress_health_check=list(HealthCheck))

tensors = st.builds(
    lambda dtype, dims, content, floats, strings, ints: wire.TensorProto(
        dtype=dtype,
        tensor_shape={"dim": [{"size": size} for size in dims]},
        tensor_content=content,
        float_val=floats,
        string_val=strings,
        int_val=ints,
    ),
    st.integers(0, 25),
    st.lists(st.sampled_from([-1, 0, 1, 2, 3, 1 << 40]), max_size=3),
    st.binary(max_size=12) | st.just(b""),
    st.lists(st.floats(width=32), max_size=4),
    st.lists(st.binary(max_size=4), max_size=4),
    st.lists(st.integers(-(2**31), 2**31 - 1), max_size=4),
)
requests = st.builds(
    lambda name, signature, inputs, wanted: wire.PredictRequest(
        model_spec={"name": name, "signature_name": signature}, inputs=inputs, output_filter=wanted
    ).SerializeToString(),
    st.sampled_from(["toy", "", "nope"]) | st.just("toy"),
    st.sampled_from(SIGNATURES),
    st.dictionaries(st.sampled_from(["x", "words", "u", "k", "s", "inputs"]), tensors, max_size=3),
    st.lists(st.sampled_from(["y", "sum", "zz"]), max_size=2),
)


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
@given(requests)
def test_odd_requests_over_grpc(raw, body):
    assert raw("PredictionService/Predict", body) in {"OK", *CODES}


@fuzz
@given(
    st.sampled_from(["Predict", "Classify", "Regress", "MultiInference", "GetModelMetadata"]),
    st.binary(max_size=60),
)
def test_bytes_that_may_be_no_message(raw, method, body):
    code = raw(f"PredictionService/{method}", body)
    assert code in {*CODES, "INTERNAL"}  # gRPC itself says INTERNAL when a message cannot be parsed


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["x", "words", "b64"]), inner, max_size=2)
    ),
    max_leaves=8,
)
bodies = st.builds(
    lambda signature, key, value: json.dumps({"signature_name": signature, key: value}).encode(),
    st.sampled_from(SIGNATURES),
    st.sampled_from(["instances", "inputs", "examples"]),
    values,
)


@fuzz
@given(st.sampled_from(["predict", "classify", "regress"]), bodies | st.binary(max_size=40))
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


def test_it_still_answers(raw, server):
    request = wire.GetModelStatusRequest(model_spec={"name": "toy"})
    assert raw("ModelService/GetModelStatus", request.SerializeToString()) == "OK"
