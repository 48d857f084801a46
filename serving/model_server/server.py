"""Puts the server together from its flags, opens the ports once the first models are AVAILABLE, and stops
gracefully."""

import argparse
import logging
import os
import signal
import stat
import sys
import threading
import time
from typing import Any

import grpc

from serving import wire
from serving.model_server import flags, grpc_server, text_config
from serving.model_server.api import Api
from serving.model_server.batching import Batched, BatchScheduler, Settings
from serving.model_server.manager import ModelManager
from serving.model_server.metrics import Metrics
from serving.model_server.profiler import Profiler
from serving.model_server.rest.routes import Routes
from serving.model_server.rest.server import RestServer
from serving.model_server.saved_model import SavedModel, session_config
from serving.model_server.served_model import LoadPolicy
from serving.model_server.status import StatusError
from serving.model_server.warmup import warm_up

log = logging.getLogger(__name__)

DEFAULT_METRICS_PATH = "/monitoring/prometheus/metrics"
STOP_GRACE = 10.0  # seconds that requests in flight get after SIGTERM


def run(options: argparse.Namespace) -> int:
    """Serves until SIGTERM or SIGINT, then returns the exit code.

    Raises:
        StatusError: the server could not start.
    """
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname).1s %(message)s", stream=sys.stderr
    )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        server = ModelServer(options)
        server.start(stop)
    except StatusError:
        if stop.is_set():
            return 0
        raise
    stop.wait()
    server.stop()
    return 0


class ModelServer:
    """One process's server.

    Args:
        options: the parsed flags.
    """

    def __init__(self, options: argparse.Namespace):
        self._options = options
        self._metrics = Metrics()
        self._batching = _batch_scheduler(options, self._metrics)
        policy = LoadPolicy(
            self._load, options.max_num_load_retries, options.load_retry_interval_micros / 1e6
        )
        self._manager = ModelManager(
            policy,
            poll_wait=options.file_system_poll_wait_seconds,
            labels_before_loading=options.allow_version_labels_for_unavailable_models,
        )
        self._api = Api(
            self._manager,
            metrics=self._metrics,
            check_method_name=options.enable_signature_method_name_check,
            as_content=options.enable_serialization_as_tensor_content,
        )
        self._stopped = threading.Event()
        self._grpc: grpc.Server | None = None
        self._rest: RestServer | None = None

    def start(self, stop: threading.Event) -> None:
        """Loads the models, then opens the ports.

        Args:
            stop: given up waiting for the models when it is set.

        Raises:
            StatusError: a model cannot be loaded or a port cannot be had.
        """
        self._await_first_models(stop)
        self._manager.start()
        self._open_ports()
        if self._options.model_config_file and self._options.model_config_file_poll_wait_seconds > 0:
            threading.Thread(target=self._poll_config, name="model-config-file", daemon=True).start()

    def _await_first_models(self, stop: threading.Event) -> None:
        failure: list[StatusError] = []

        def configure() -> None:
            try:
                self._manager.configure(self._read_config())
            except StatusError as error:
                failure.append(error)

        loading = threading.Thread(target=configure, name="first-models", daemon=True)
        loading.start()
        while loading.is_alive() and not stop.is_set():
            loading.join(0.05)
        if stop.is_set():
            raise StatusError("CANCELLED", "Stopped before the first models were available.")
        if failure:
            raise failure[0]

    def _open_ports(self) -> None:
        options = self._options
        if options.rest_api_port:
            self._rest = self._make_rest()
            self._rest.start()
            print(f"Exporting HTTP/REST API at:{options.bind_address}:{self._rest.port} ...", flush=True)
        server = grpc_server.make_server(
            self._api,
            self._metrics,
            threads=options.grpc_max_threads,
            with_health=options.enable_grpc_healthcheck_service,
            profiler=Profiler() if options.enable_profiler else None,
            options=flags.channel_arguments(options.grpc_channel_arguments),
        )
        port = self._bind(server, f"{options.bind_address}:{options.port}")
        if options.grpc_socket_path:
            _remove_socket(options.grpc_socket_path)
            server.add_insecure_port(f"unix:{options.grpc_socket_path}")
        server.start()
        self._grpc = server
        print(f"Running gRPC ModelServer at {options.bind_address}:{port} ...", flush=True)

    def _make_rest(self) -> RestServer:
        options = self._options
        monitoring = _read(options.monitoring_config_file, wire.MonitoringConfig).prometheus_config
        routes = Routes(
            self._api,
            self._metrics,
            timeout=options.rest_api_timeout_in_ms / 1e3,
            metrics_path=(monitoring.path or DEFAULT_METRICS_PATH) if monitoring.enable else "",
        )
        try:
            address = (options.bind_address, options.rest_api_port)
            return RestServer(routes, address, cors=options.rest_api_enable_cors_support)
        except OSError as error:
            raise StatusError(
                "UNKNOWN", f"Failed to start HTTP server at port {options.rest_api_port}: {error}"
            ) from error

    def _bind(self, server: grpc.Server, address: str) -> int:
        try:
            if self._options.ssl_config_file:
                config = text_config.read(self._options.ssl_config_file, wire.SSLConfig)
                return server.add_secure_port(address, grpc_server.credentials(config))
            return server.add_insecure_port(address)
        except RuntimeError as error:
            raise StatusError("UNKNOWN", f"Failed to listen at {address}: {error}") from error

    def stop(self) -> None:
        """Takes no new requests, lets those in flight finish, unloads the models."""
        self._stopped.set()
        if self._grpc is not None:
            self._grpc.stop(STOP_GRACE).wait()
        if self._rest is not None:
            self._rest.stop()
        self._manager.stop()
        if self._batching is not None:
            self._batching.stop()

    # models

    def _read_config(self) -> Any:
        options = self._options
        if options.model_config_file:
            return text_config.read(options.model_config_file, wire.ModelServerConfig)
        return text_config.single_model(options.model_name, os.path.abspath(options.model_base_path))

    def _poll_config(self) -> None:
        while not self._stopped.wait(self._options.model_config_file_poll_wait_seconds):
            try:
                self._manager.configure(self._read_config())
            except StatusError as error:
                log.error("Polling the model config file failed: %s", error)

    def _load(self, name: str, number: int, path: str) -> Any:
        options = self._options
        log.info("Loading servable version {name: %s version: %d} from %s", name, number, path)
        intra = options.tensorflow_intra_op_parallelism or options.tensorflow_session_parallelism
        inter = options.tensorflow_inter_op_parallelism or options.tensorflow_session_parallelism
        servable: Any = SavedModel(
            path, tags=options.saved_model_tags.split(","), config=session_config(intra, inter)
        )
        if self._batching is not None:
            servable = Batched(servable, self._batching, _batch_settings(options, path))
        if options.enable_model_warmup:
            self._warm_up(servable, path)
        return servable

    def _warm_up(self, servable: Any, path: str) -> None:
        start, records, status = time.perf_counter(), 0, "OK"
        try:
            iterations = self._options.num_request_iterations_for_warmup
            records = warm_up(self._api, servable, path, iterations=iterations)
        except Exception as error:
            status = error.code if isinstance(error, StatusError) else "UNKNOWN"
            servable.close()
            raise
        finally:
            if records or status != "OK":
                self._metrics.observe_warmup(path, status, time.perf_counter() - start, records)


def _batch_scheduler(options: argparse.Namespace, metrics: Metrics) -> BatchScheduler | None:
    if not options.enable_batching:
        return None
    settings = _parameters(options.batching_parameters_file)
    return BatchScheduler(settings.threads, metrics=metrics, name=settings.pool_name)


def _batch_settings(options: argparse.Namespace, path: str) -> Settings:
    own = os.path.join(path, "batching_params.pbtxt")
    if options.enable_per_model_batching_parameters and os.path.exists(own):
        return _parameters(own)
    return _parameters(options.batching_parameters_file)


def _remove_socket(path: str) -> None:
    """A socket that a killed server left behind would refuse the new one."""
    if os.path.exists(path) and stat.S_ISSOCK(os.stat(path).st_mode):
        os.unlink(path)


def _read(file: str, kind: Any) -> Any:
    return text_config.read(file, kind) if file else kind()


def _parameters(file: str) -> Settings:
    return Settings.from_proto(_read(file, wire.BatchingParameters))
