"""The HTTP face over a real connection: formats, texts and codes."""

import base64
import gzip
import http.client
import json
import socket

import pytest


@pytest.fixture(scope="module")
def connection(server):
    connection = http.client.HTTPConnection(server.rest_address, timeout=20)
    yield connection
    connection.close()


@pytest.fixture
def ask(connection):
    """(code, body) of one request; all over the same connection, so keep-alive is tested too."""

    def ask(method, path, body=None, **headers):
        if isinstance(body, dict | list):
            body = json.dumps(body)
        connection.request(
            method, path, body, {name.replace("_", "-"): value for name, value in headers.items()}
        )
        response = connection.getresponse()
        return response.status, response.read().decode()

    return ask


@pytest.fixture
def predict(ask):
    def predict(body, model="toy"):
        return ask("POST", f"/v1/models/{model}:predict", body)

    return predict


def error_of(answer, code=400):
    assert answer[0] == code
    return json.loads(answer[1])["error"]


def test_rows_in_rows_out(predict):
    instances = [{"x": [1.0, 0.1], "words": ["a", "b"]}, {"x": [3, 4e6], "words": ["c", ""]}]
    code, text = predict({"instances": instances})
    assert code == 200
    assert text == (
        '{\n    "predictions": [\n'
        '        {\n            "count": 2,\n            "joined": "a,b",\n'
        '            "y": [2.0, 0.2]\n        },\n        {\n            "count": 1,\n'
        '            "joined": "c,",\n            "y": [6.0, 8e+06]\n        }\n'
        "    ]\n}"
    )


def test_columns_in_columns_out(predict):
    code, text = predict({"inputs": {"x": [[1, 2]], "words": [["é"]], "extra": "ignored"}})
    assert code == 200
    assert json.loads(text) == {"outputs": {"y": [[2.0, 4.0]], "joined": ["é"], "count": [1]}}
    assert '        "count": [\n            1\n        ],' in text


def test_one_input_and_one_output_need_no_names(predict):
    assert predict({"signature_name": "product", "instances": [[1, 2, 3], [0, 0, 0.5]]}) == (
        200,
        '{\n    "predictions": [[321.0], [50.0]\n    ]\n}',
    )
    code, text = predict({"signature_name": "product", "inputs": [[1, 2, 3]]})
    assert (code, json.loads(text)) == (200, {"outputs": [[321.0]]})


def test_bytes_go_as_base64_and_come_so_when_the_name_ends_in_bytes(predict):
    sent = base64.b64encode(b"\xff\x00").decode()
    code, text = predict({"signature_name": "raw", "instances": [{"b64": sent}, "plain"]})
    assert code == 200
    plain = base64.b64encode(b"plain").decode()
    assert json.loads(text) == {"predictions": [{"b64": sent}, {"b64": plain}]}
    code, text = predict(
        {"signature_name": "raw", "inputs": {"b64": sent}}
    )  # a scalar, which the graph accepts
    assert (code, json.loads(text)) == (200, {"outputs": {"b64": sent}})


def test_not_a_number_is_bare(predict):
    code, text = predict('{"signature_name": "product", "instances": [[NaN, 0, 0], [Infinity, 0, 0]]}')
    assert (code, text) == (200, '{\n    "predictions": [[NaN], [Infinity]\n    ]\n}')


def test_types(predict):
    inputs = {"float64": [1e-300], "int64": [2**62], "int8": [-1], "uint8": [255], "bool": [True]}
    inputs |= {"uint32": [2**32 - 1], "uint64": [2**64 - 1], "float16": [1]}
    assert predict({"signature_name": "types", "inputs": inputs})[0] == 501  # half floats have no JSON form


ROW = "Failed to process element: 0"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("", "JSON Parse error: The document is empty"),
        ("nope", "JSON Parse error: Invalid value. at offset: 0"),
        ("[]", "JSON Value: [] Is not object"),
        ('{"signature_name": 3}', "'signature_name' key must be a string value."),
        ('{"signature_name": "nope"}', 'Serving signature name: "nope" not found in signature def'),
        ("{}", "Missing 'inputs' or 'instances' key"),
        ('{"instances": [], "inputs": []}', "only one of 'inputs' or 'instances' keys to exist "),
        ('{"instances": []}', "No values in 'instances' array"),
        ('{"instances": 3}', "Excepting 'instances' to be an list/array"),
        ('{"instances": [[1, 2]]}', "instances is a plain list, but expecting list of objects"),
        ('{"instances": [{"x": [1, 2]}]}', "keys must be equal to: words,x"),
        (
            '{"instances": [{"x": [1, 2], "z": 1}]}',
            f"{ROW} key: z of 'instances' list. Error: INVALID_ARGUMENT: ",
        ),
        ('{"instances": [{"x": ["a", 2]}]}', 'JSON Value: "a" Type: String is not of expected type: float'),
        ('{"instances": [{"x": [true, 2]}]}', "JSON Value: true Type: True is not of expected type: float"),
        ('{"instances": [{"x": [16777217, 2]}]}', "16777217 to float without loss of precision"),
        ('{"instances": [{"x": [1, [2]]}]}', "Encountered list at unexpected level: 1 expected < 1"),
        ('{"instances": [{"x": [[1], [2, 3]]}]}', "Encountered list at unexpected size: 2 at level: 1"),
        ('{"inputs": {"x": [[1, 2]]}}', "Missing named input: words in 'inputs' object."),
        ('{"inputs": [1, 2]}', "inputs is a plain value/list, but expecting an object"),
        ('{"inputs": {"x": [[1, 2]], "words": [[{"b64": "?"}]]}}', "Unable to base64 decode"),
        (
            '{"inputs": {"x": [[1, 2]], "words": [[{"c64": "YQ=="}]]}}',
            "not formatted correctly for base64 data",
        ),
        (
            '{"signature_name": "optional", "inputs": {"u": ["a"], "k": [1.0]}}',
            "is not of expected type: int32",
        ),
        (
            '{"signature_name": "optional", "inputs": {"u": ["a"], "k": [2147483648]}}',
            "not of expected type: int32",
        ),
        ('{"signature_name": "total", "instances": [1.0]}', "Tensor name: sum has no shape information "),
        ('{"inputs": ' + "[" * 100_000, "JSON Parse error"),
    ],
)
def test_bad_bodies(predict, body, text):
    assert text in error_of(predict(body))


def test_a_second_row_of_another_shape(predict):
    rows = [{"x": [1, 2], "words": ["a"]}, {"x": [1, 2], "words": ["a", "b"]}]
    text = "Failed to process element: 1 key: words of 'instances' list. Error: INVALID_ARGUMENT: "
    assert error_of(predict({"instances": rows})) == text + "Expecting tensor size: 1 but got: 2"


def test_the_model_is_looked_up_before_the_signature(predict):
    text = error_of(predict('{"signature_name": "nope"}', model="other"), 404)
    assert text == "Servable not found for request: Latest(other)"


def test_errors_of_the_graph(predict):
    assert "Matrix size-incompatible" in error_of(
        predict({"signature_name": "product", "instances": [[1, 2]]})
    )


@pytest.mark.parametrize(
    ("method", "path", "code", "text"),
    [
        ("GET", "/v1/models", 400, "Missing model name in request."),
        ("GET", "/v1/other", 400, "Malformed request: GET /v1/other"),
        ("GET", "/v1/models/toy:predict", 400, "Malformed request: GET /v1/models/toy:predict"),
        ("POST", "/v1/models/toy:PREDICT", 400, "Malformed request: POST /v1/models/toy:PREDICT"),
        ("PUT", "/v1/models/toy", 400, "Malformed request: PUT /v1/models/toy"),
        ("GET", "/v1/models/nope", 404, "Could not find any versions of model nope"),
        ("GET", "/v1/models/toy/versions/8", 404, "Could not find version 8 of model toy"),
        ("GET", "/v1/models/toy/labels/l/metadata", 400, "Unrecognized servable version label: l"),
    ],
)
def test_paths(ask, method, path, code, text):
    assert error_of(ask(method, path), code) == text


@pytest.mark.parametrize("head", [b"GET / HTTP", b"GET / HTTP/x.y", b"GET", b"GET / a b c"])
def test_a_head_that_is_no_http_is_answered_in_http(server, head):
    host, port = server.rest_address.split(":")
    with socket.create_connection((host, int(port)), timeout=20) as raw:
        raw.sendall(head + b"\r\n\r\n")
        assert raw.makefile("rb").readline().startswith(b"HTTP/1.1 400 ")


def test_odd_paths(ask):
    assert ask("GET", "/v1/models/toy/versions/9223372036854775808") == (400, "")
    assert ask("GET", "/other")[0] == 404
    assert ask("GET", "/V1/Models/toy")[0] == 200
    assert ask("GET", "/v1/models/%74oy")[0] == 200
    assert (
        ask(
            "POST",
            "/v1/models/toy/versions/7:predict",
            {"signature_name": "product", "instances": [[1, 1, 1]]},
        )[0]
        == 200
    )


def test_status(ask):
    code, text = ask("GET", "/v1/models/toy/versions/7")
    version = {"version": "7", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    assert (code, json.loads(text)) == (200, {"model_version_status": [version]})


def test_metadata(ask):
    code, text = ask("GET", "/v1/models/toy/metadata")
    found = json.loads(text)
    assert code == 200
    assert found["model_spec"] == {"name": "toy", "signature_name": "", "version": "7"}
    signature = found["metadata"]["signature_def"]["signature_def"]["product"]
    shape = {"dim": [{"size": "-1", "name": ""}, {"size": "3", "name": ""}], "unknown_rank": False}
    assert signature["inputs"] == {"x": {"dtype": "DT_FLOAT", "tensor_shape": shape, "name": "product_x:0"}}
    assert signature["method_name"] == "tensorflow/serving/predict"
    assert signature["defaults"] == {}


def test_classify_and_regress(ask):
    examples = [{"v": 0.25}, {"v": [1.0]}]
    code, text = ask("POST", "/v1/models/toy:classify", {"signature_name": "classify", "examples": examples})
    assert (code, json.loads(text)) == (
        200,
        {"results": [[["yes", 0.25], ["no", 0.75]], [["yes", 1.0], ["no", 0.0]]]},
    )
    body = {"signature_name": "regress", "context": {"w": 100.0}, "examples": examples}
    code, text = ask("POST", "/v1/models/toy:regress", body)
    assert (code, text) == (200, '{\n    "results": [100.5, 102.0]\n}')


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "key 'examples' is expected and was not found"),
        ({"examples": {}}, "Expecting 'examples' value to be an list/array"),
        ({"examples": []}, "'examples' value is an empty array"),
        ({"examples": [3]}, "Example must be JSON object but got JSON Number"),
        ({"examples": [{"v": None}]}, "Feature: v has element with unexpected JSON type: Null"),
        ({"examples": [{"v": [1.0, "a"]}]}, "Unexpected element type in feature: v expecting type: float"),
        ({"examples": [{"v": 2**63}]}, "Feature: v has uint64 element. Only int64 is supported."),
    ],
)
def test_bad_examples(ask, body, text):
    assert text in error_of(ask("POST", "/v1/models/toy:classify", {"signature_name": "classify", **body}))


def test_compressed_and_chunked_bodies(ask):
    body = json.dumps({"signature_name": "product", "instances": [[1, 1, 1]]}).encode()
    path = "/v1/models/toy:predict"
    assert ask("POST", path, gzip.compress(body), Content_Encoding="gzip")[0] == 200
    assert ask("POST", path, iter([body[:10], body[10:]]))[0] == 200
    assert ask("POST", path, b"no gzip", Content_Encoding="gzip")[0] == 400
    assert ask("GET", "/v1/models/toy")[0] == 200  # the connection was closed and opened anew


def test_options(ask, connection):
    assert ask("OPTIONS", "/v1/models/toy:predict", Origin="https://example.org") == (200, "")
    connection.request("GET", "/v1/models/toy")
    response = connection.getresponse()
    response.read()
    assert response.getheader("Content-Type") == "application/json"
    assert response.getheader("Access-Control-Allow-Origin") is None  # only with the flag
