"""One server with everything that config files can ask for: two models, labels, TLS, a socket, batching,
metrics."""

import shutil
import subprocess
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from serving import wire
from serving.client import Client, GrpcTransport, InvalidRequestError, NotFoundError, UnavailableError, codec
from serving.model_server.process import running_server

MODELS = """
model_config_list {{
  config {{
    name: "toy" base_path: "{base}/toy" model_platform: "tensorflow"
    model_version_policy {{ all {{}} }}
    version_labels {{ key: "stable" value: 1 }}
  }}
  config {{ name: "recommender" base_path: "{base}/recommender" model_platform: "tensorflow" }}
}}
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory, toy_versions, contract_path):
    base = tmp_path_factory.mktemp("configured")
    (base / "toy").mkdir()
    for number, path in toy_versions.items():
        (base / "toy" / str(number)).symlink_to(path)
    (base / "recommender").symlink_to(contract_path)
    (base / "models.config").write_text(MODELS.format(base=base))
    (base / "batching.config").write_text(
        "max_batch_size { value: 8 } batch_timeout_micros { value: 100000 } pad_variable_length_inputs: true"
    )
    (base / "monitoring.config").write_text('prometheus_config { enable: true path: "/metrics" }')
    return base


@pytest.fixture(scope="module")
def certificate(base):
    """(key, certificate) as PEM text, signed by itself."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -keyout key.pem -out cert.pem"
    )
    command += " -addext subjectAltName=DNS:localhost"
    subprocess.run(command.split(), cwd=base, check=True, capture_output=True)
    return (base / "key.pem").read_text(), (base / "cert.pem").read_text()


@pytest.fixture(scope="module")
def server(base, certificate):
    key, text = certificate
    config = f'server_key: "{key}" server_cert: "{text}" custom_ca: "{text}" client_verify: true'
    (base / "ssl.config").write_text(config.replace("\n", "\\n"))
    socket = base / "grpc.sock"
    flags = [
        f"--model_config_file={base}/models.config",
        "--model_config_file_poll_wait_seconds=0.1",
        "--file_system_poll_wait_seconds=0.1",
        "--allow_version_labels_for_unavailable_models",
        "--enable_batching=true",
        f"--batching_parameters_file={base}/batching.config",
        f"--monitoring_config_file={base}/monitoring.config",
        f"--ssl_config_file={base}/ssl.config",
        f"--grpc_socket_path={socket}",
        "--rest_api_enable_cors_support",
        "--rest_api_num_threads=4",
    ]
    with running_server(None, flags=flags) as running:
        yield running


@pytest.fixture(scope="module")
def local(server, base):
    """A client over the Unix socket, which needs no certificate."""
    with Client(f"unix:{base}/grpc.sock") as client:
        yield client


def double(client, **spec):
    request = wire.PredictRequest(model_spec=wire.ModelSpec(name="toy", **spec))
    request.inputs["x"].CopyFrom(codec.tensor(1, [1, 2], [1.0, 1.0]))
    request.inputs["words"].CopyFrom(codec.string_rows([[]]))
    return codec.flat(client._transport.call("Predict", request, 10).outputs["y"])[0]


def test_versions_and_labels(local):
    assert double(local) == 2.0
    assert double(local, version={"value": 1}) == 1.0
    assert double(local, version_label="stable") == 1.0
    with pytest.raises(InvalidRequestError, match="Unrecognized servable version label: canary"):
        double(local, version_label="canary")


def test_the_second_model(local):
    assert [item.item_id for item in local.recommend("u", k=2)] == ["a", "b"]


def test_a_batch_merges_histories_of_three_and_nine_and_neither_gains_an_item(local):
    histories = {"short": [*"abc"], "long": [*"abcdefghi"]}
    local.recommend("u")  # the signatures are known from here on
    with ThreadPoolExecutor(2) as pool:
        asked = {name: pool.submit(local.recommend, name, history=items) for name, items in histories.items()}
        arrived = {name: answer.result()[0].reason.split("|")[3].split(".") for name, answer in asked.items()}
    assert {name: [item for item in row if item] for name, row in arrived.items()} == histories
    assert {len(row) for row in arrived.values()} == {10}  # the short one was widened: they ran as one batch


def test_tls_asks_for_a_certificate(server, certificate):
    key, text = (part.encode() for part in certificate)
    address = server.grpc_address.replace("127.0.0.1", "localhost")
    known = grpc.ssl_channel_credentials(text, private_key=key, certificate_chain=text)
    with Client(address, credentials=known) as client:
        assert client.status()[0].state == "AVAILABLE"
    for credentials in (grpc.ssl_channel_credentials(text), None):
        transport = GrpcTransport(address, credentials=credentials, retries=0)
        with Client(transport=transport, timeout=5) as stranger, pytest.raises(UnavailableError):
            stranger.status()


def get(server, path):
    with urllib.request.urlopen(f"http://{server.rest_address}{path}", timeout=10) as response:
        return response.read().decode(), response.headers


def test_metrics(server, local):
    double(local)
    get(server, "/v1/models/toy")
    with pytest.raises(NotFoundError):
        Client(transport=local._transport, model="nope").embed_text(["x"])
    request = wire.PredictRequest(model_spec=wire.ModelSpec(name="nope"))
    with pytest.raises(NotFoundError):
        local._transport.call("Predict", request, 10)
    text, headers = get(server, "/metrics")
    assert headers["Content-Type"] == "text/plain"
    assert ':tensorflow:serving:request_count{model_name="nope",status="NOT_FOUND"} 1' in text
    assert "# TYPE :tensorflow:serving:request_latency histogram" in text
    labels = 'model_name="toy",API="Predict",entrypoint="GRPC"'
    assert f':tensorflow:serving:request_latency_bucket{{{labels},le="10"}} 0' in text
    assert ':tensorflow:serving:runtime_latency_count{model_name="toy",API="Predict",runtime="TF1"}' in text
    assert ':tensorflow:serving:request_latency_count{model_name="toy",API="",entrypoint="REST"} 1' in text


def test_cors(server):
    _, headers = get(server, "/v1/models/toy")
    assert headers["Access-Control-Allow-Origin"] == "*"


def test_the_polled_config_file_and_a_reload(server, local, base):
    (base / "models.config").write_text(
        MODELS.format(base=base).replace("all {}", "specific { versions: 1 }")
    )
    deadline(lambda: double(local) == 1.0)
    (base / "models.config").write_text("nonsense {")  # only logged
    config = wire.ModelServerConfig()
    config.model_config_list.config.add(name="toy", base_path=f"{base}/toy", model_platform="tensorflow")
    request = wire.ReloadConfigRequest(config=config, metric_names=[":tensorflow:serving:request_count"])
    response = local._transport.call("HandleReloadConfigRequest", request, 30)
    assert response.status.error_code == wire.Code["OK"]
    assert [metric.name for metric in response.metric] == [":tensorflow:serving:request_count"]
    assert double(local) == 2.0
    with pytest.raises(NotFoundError):
        local.recommend("u")


def deadline(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_model_with_text_ops_is_served_without_keras(server, local, base, save_tokens):
    save_tokens(base / "tokens" / "1")
    config = wire.ModelServerConfig()
    config.model_config_list.config.add(
        name="tokens", base_path=f"{base}/tokens", model_platform="tensorflow"
    )
    local._transport.call("HandleReloadConfigRequest", wire.ReloadConfigRequest(config=config), 60)
    request = wire.PredictRequest(model_spec={"name": "tokens"})
    request.inputs["text"].CopyFrom(codec.strings(["playing red", "blue"]))
    outputs = local._transport.call("Predict", request, 10).outputs
    assert codec.flat(outputs["tokens"]) == [3, 1]
    with open(f"/proc/{server.pid}/maps") as maps:
        assert "_fast_wordpiece_tokenizer.so" in maps.read()
