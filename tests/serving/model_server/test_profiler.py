"""The profiler service, asked by TensorFlow's own client and by bare calls."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from serving import wire
from serving.model_server.process import RunningServer

REQUEST = wire.message("tensorflow.ProfileRequest")
TERMINATE = wire.message("tensorflow.TerminateRequest")


@pytest.fixture
def ask(server: RunningServer):
    with grpc.insecure_channel(server.grpc_address) as channel:

        def call(method: str, request):
            kind = wire.method_types(wire.PROFILER_SERVICE)[method][1]
            path = f"/{wire.PROFILER_SERVICE}/{method}"
            ask = channel.unary_unary(path, type(request).SerializeToString, kind.FromString)
            return ask(request, timeout=20)

        yield call


def failure(ask, method, request):
    with pytest.raises(grpc.RpcError) as caught:
        ask(method, request)
    return caught.value.code().name


def test_tensorflows_own_client_gets_the_ops_of_the_requests_meanwhile(server, tmp_path):
    address, done = f"grpc://{server.grpc_address}", threading.Event()

    def load():
        message = predict_pb2.PredictRequest()
        message.model_spec.name = "toy"
        for alias, value in {"x": np.ones((1, 2), np.float32), "words": [["a", "b"]]}.items():
            message.inputs[alias].CopyFrom(tf.make_tensor_proto(value))
        with grpc.insecure_channel(server.grpc_address) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            while not done.is_set():
                stub.Predict(message, timeout=20)

    loading = threading.Thread(target=load)
    loading.start()
    try:
        tf.profiler.experimental.client.trace(address, str(tmp_path), 500, num_tracing_attempts=1)
    finally:
        done.set()
        loading.join()
    (profile,) = tmp_path.glob("plugins/profile/*/*.xplane.pb")
    assert b"ReduceJoin" in profile.read_bytes()


def test_one_session_at_a_time_and_terminate_ends_it(ask):
    started = time.perf_counter()
    with ThreadPoolExecutor() as pool:
        first = pool.submit(ask, "Profile", REQUEST(duration_ms=20_000, session_id="first", emit_xspace=True))
        wait([first], timeout=3)  # until it records: nothing that is asked meanwhile may disturb it
        assert failure(ask, "Profile", REQUEST(session_id="second")) == "ALREADY_EXISTS"
        ask("Terminate", TERMINATE(session_id="first"))
        assert first.result().HasField("xspace")
    assert time.perf_counter() - started < 15


@pytest.mark.parametrize(
    ("method", "request_", "code"),
    [
        ("Profile", REQUEST(session_id="../elsewhere"), "INVALID_ARGUMENT"),
        ("Profile", REQUEST(session_id=".."), "INVALID_ARGUMENT"),
        ("Profile", REQUEST(repository_root="/dev/null", session_id="x"), "UNKNOWN"),
        ("Terminate", TERMINATE(session_id="nobody"), "NOT_FOUND"),
        ("Monitor", wire.message("tensorflow.MonitorRequest")(), "UNIMPLEMENTED"),
    ],
)
def test_what_cannot_be(ask, method, request_, code):
    assert failure(ask, method, request_) == code
