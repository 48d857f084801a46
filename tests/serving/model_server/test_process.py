"""The process itself: what it loads, when it listens, how it starts and stops."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from serving import wire
from serving.client import Client, NotFoundError, codec
from serving.model_server.process import ServerFailedError, running_server

MEMORY_LIMIT = 500 << 10  # KiB


def ask(client, signature="serving_default", x=(1.0, 1.0)):
    """Row 0 of y = x · version, so the first number tells which version answered."""
    request = wire.PredictRequest(model_spec={"name": "recommender", "signature_name": signature})
    request.inputs["x"].CopyFrom(codec.tensor(1, [1, 2], x))
    if signature == "serving_default":
        request.inputs["words"].CopyFrom(codec.string_rows([[]]))
    return codec.rows_of(client._transport.call("Predict", request, 30).outputs["y"])[0]


def maps(pid):
    with open(f"/proc/{pid}/maps") as lines:
        return lines.read()


def peak_memory(pid):
    with open(f"/proc/{pid}/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def publish(source, base, number):
    """As an exporter does: copied aside under a name that is no number, then renamed."""
    shutil.copytree(source, base / "incoming")
    os.rename(base / "incoming", base / str(number))


@contextmanager
def polled(base):
    """A client of a server that looks at `base` ten times a second."""
    flags = ["--file_system_poll_wait_seconds=0.1", "--max_num_load_retries=0"]
    with running_server(base, rest=False, flags=flags) as server, Client(server.grpc_address) as client:
        yield client


def until(condition, timeout=10.0):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)


def test_the_process_loads_no_keras_and_stays_small(server):
    assert peak_memory(server.pid) < MEMORY_LIMIT
    assert "libtensorflow" in maps(server.pid)


def test_no_keras_no_tfrec_no_pandas_in_the_server():
    code = (
        "import sys, json; from serving.model_server import bare_tensorflow; bare_tensorflow.install();"
        "import serving.model_server.server;"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert {"tensorflow", "grpc"} <= loaded
    assert not loaded & {
        "keras",
        "tf_keras",
        "keras_hub",
        "tfrec",
        "pandas",
        "sklearn",
        "tensorflow_recommenders",
    }


def test_versions_come_and_go_under_load(tmp_path, toy_versions):
    base = tmp_path / "base"
    base.mkdir()
    publish(toy_versions[1], base, 1)
    with polled(base) as client:
        with asking(client) as seen:
            publish(toy_versions[2], base, 2)
            until(lambda: [s.state for s in client.status()] == ["AVAILABLE", "END"])
            assert ask(client)[0] == 2.0
            shutil.rmtree(base / "2")  # rollback
            until(lambda: [s.state for s in client.status()] == ["END", "AVAILABLE"])
            assert ask(client)[0] == 1.0
            (base / "3").mkdir()  # no model: it fails, the old one stays
            until(lambda: client.status()[0].error)
            assert ask(client)[0] == 1.0
        assert seen == {1.0, 2.0}
        os.rename(base, tmp_path / "away")  # a missing base path changes nothing
        time.sleep(0.4)
        assert ask(client)[0] == 1.0
        for version in (tmp_path / "away").iterdir():
            shutil.rmtree(version)
        os.rename(tmp_path / "away", base)  # an empty one unloads
        until(lambda: {status.state for status in client.status()} == {"END"})
        with pytest.raises(NotFoundError):
            ask(client)


@contextmanager
def asking(client, threads=4):
    """Requests without a pause; gives the set of versions that answered, and fails if any request failed."""
    seen, failures, stop = set(), [], threading.Event()

    def load():
        while not stop.is_set():
            try:
                seen.add(ask(client)[0])
            except Exception as error:
                failures.append(error)

    workers = [threading.Thread(target=load) for _ in range(threads)]
    for worker in workers:
        worker.start()
    try:
        yield seen
    finally:
        stop.set()
        for worker in workers:
            worker.join()
    assert failures == []


def test_it_listens_once_a_model_is_available_and_finishes_what_it_began(tmp_path, toy_versions):
    entered, answers = threading.Event(), []

    def serve():
        flags = ["--file_system_poll_wait_seconds=0.1"]
        with running_server(tmp_path, rest=False, flags=flags) as server:
            entered.set()
            with Client(server.grpc_address) as client:
                assert client.status()[0].state == "AVAILABLE"
                slow = threading.Thread(target=lambda: answers.append(ask(client, "slow", (1.0, 2.0))))
                slow.start()
                time.sleep(0.2)
                os.kill(server.pid, signal.SIGTERM)
                slow.join()

    thread = threading.Thread(target=serve)
    thread.start()
    assert not entered.wait(4)  # there is no version yet
    publish(toy_versions[1], tmp_path, 5)
    assert entered.wait(30)
    thread.join()
    assert answers == [[1.0, 2.0]]


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (["--model_base_path="], "model_base_path and server_options.model_config_file are empty"),
        (
            ["--model_base_path=/m", "--batching_parameters_file=x"],
            "without setting server_options.enable_batching",
        ),
        (["--model_config_file=/nowhere/models.config"], "NOT_FOUND"),
    ],
)
def test_a_bad_start_says_so_and_exits_with_255(flags, text):
    command = [sys.executable, "-m", "serving.model_server", "--port=0", *flags]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 255
    assert done.stdout.startswith("Failed to start server. Error: ")
    assert text in done.stdout


def test_a_server_that_does_not_start_is_an_error_with_its_output():
    failing = running_server(None, rest=False)
    with pytest.raises(ServerFailedError, match=r"ended with code 255[\s\S]*Failed to start server"):
        failing.__enter__()


def test_a_given_command_is_run_with_the_same_flags(contract_path):
    command = [sys.executable, "-m", "serving.model_server", "--bind_address=127.0.0.1"]
    with (
        running_server(contract_path, rest=False, command=command) as server,
        Client(server.grpc_address) as client,
    ):
        assert [version.version for version in client.status()] == [3]
    refuses = running_server(
        contract_path, command=[sys.executable, "-c", "import sys; sys.exit('no such flag')"]
    )
    with pytest.raises(ServerFailedError, match="no such flag"):
        refuses.__enter__()
