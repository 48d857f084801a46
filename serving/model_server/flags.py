"""The command line: TensorFlow Serving's own flag names and defaults.

`--flag value` is understood beside TensorFlow Serving's `--flag=value`.
"""

import argparse
import logging
import os
from importlib import metadata
from typing import Any

from serving.model_server.status import StatusError, invalid_argument

log = logging.getLogger(__name__)

CPUS = os.cpu_count() or 1

VALUES: dict[str, tuple[Any, str]] = {
    "port": (8500, "gRPC port; 0 picks a free one and prints it"),
    "bind_address": ("0.0.0.0", "address of both ports (this server's own flag)"),
    "grpc_socket_path": ("", "also listen on this Unix socket"),
    "grpc_max_threads": (max(32, 4 * CPUS), "requests in work at a time"),
    "grpc_channel_arguments": ("", "k=v,k=v for the gRPC server"),
    "rest_api_port": (0, "HTTP port; 0 means no REST API"),
    "rest_api_timeout_in_ms": (30000, "a REST request that took longer is answered with 504"),
    "model_name": ("default", "the name clients ask for"),
    "model_base_path": ("", "folder with numeric version folders"),
    "model_config_file": ("", "text ModelServerConfig; replaces model_name and model_base_path"),
    "model_config_file_poll_wait_seconds": (0.0, "0 reads it once"),
    "file_system_poll_wait_seconds": (1.0, "0 looks once, below 0 never again"),
    "max_num_load_retries": (5, "more tries to load a version"),
    "load_retry_interval_micros": (60_000_000, "between two tries"),
    "saved_model_tags": ("serve", "tags of the meta graph, with commas"),
    "tensorflow_intra_op_parallelism": (0, "threads of one op; 0 lets TensorFlow choose"),
    "tensorflow_inter_op_parallelism": (0, "ops at a time; 0 lets TensorFlow choose"),
    "tensorflow_session_parallelism": (0, "both of the above"),
    "num_request_iterations_for_warmup": (0, "runs of each recorded request; 0 means one"),
    "batching_parameters_file": ("", "text BatchingParameters; needs --enable_batching"),
    "ssl_config_file": ("", "text SSLConfig; gRPC only"),
    "monitoring_config_file": ("", "text MonitoringConfig for Prometheus"),
}

SWITCHES: dict[str, tuple[bool, str]] = {
    "enable_model_warmup": (True, "run the recorded requests while loading"),
    "enable_batching": (False, "merge requests into batches"),
    "enable_per_model_batching_parameters": (False, "read batching_params.pbtxt of each version folder"),
    "allow_version_labels_for_unavailable_models": (False, "a new label may name a version not loaded yet"),
    "enable_signature_method_name_check": (False, "refuse signatures whose method_name does not fit"),
    "enable_serialization_as_tensor_content": (False, "answer with tensor_content, not typed fields"),
    "enable_profiler": (True, "record a profile when tensorflow.ProfilerService is asked to"),
    "enable_grpc_healthcheck_service": (False, "serve grpc.health.v1"),
    "rest_api_enable_cors_support": (False, "answer with CORS headers"),
}

WITHOUT_EFFECT = (
    "rest_api_num_threads",
    "num_load_threads",
    "num_unload_threads",
    "per_process_gpu_memory_fraction",
    "tensorflow_session_config_file",
    "xla_cpu_compilation_enabled",
    "xla_gpu_compilation_enabled",
)


def _flag(text: str) -> bool:
    if text.lower() in ("true", "1"):
        return True
    if text.lower() in ("false", "0"):
        return False
    raise argparse.ArgumentTypeError(f"expected true or false. Received: {text!r}")


def _versions() -> str:
    found = []
    for name, package in (("TensorFlow ModelServer", "tfrec"), ("TensorFlow Library", "tensorflow")):
        try:
            found.append(f"{name}: {metadata.version(package)}")
        except metadata.PackageNotFoundError:  # tensorflow-cpu, or run from a checkout
            found.append(f"{name}: unknown")
    return "\n".join(found)


def parser() -> argparse.ArgumentParser:
    """Understands every flag of the tables above; any other is an error, never silently ignored."""
    result = argparse.ArgumentParser(
        prog="tfrec serve",
        allow_abbrev=False,
        description="Serve SavedModels over TensorFlow Serving's gRPC and REST APIs.",
    )
    result.add_argument("--version", action="version", version=_versions())
    for name, (default, text) in VALUES.items():
        result.add_argument(
            f"--{name}", type=type(default), default=default, help=f"{text} (default: {default})"
        )
    for name, (default, text) in SWITCHES.items():
        result.add_argument(
            f"--{name}",
            nargs="?",
            type=_flag,
            const=True,
            default=default,
            metavar="true|false",
            help=f"{text} (default: {str(default).lower()})",
        )
    for name in WITHOUT_EFFECT:
        result.add_argument(f"--{name}", nargs="?", help=argparse.SUPPRESS)
    return result


def check(options: argparse.Namespace) -> None:
    """Refuses flags that do not go together, before anything heavy is loaded.

    Raises:
        StatusError: INVALID_ARGUMENT or NOT_FOUND.
    """
    if options.batching_parameters_file and not options.enable_batching:
        raise invalid_argument(
            "server_options.batching_parameters_file is set without setting "
            "server_options.enable_batching to true."
        )
    if not options.model_base_path and not options.model_config_file:
        raise invalid_argument(
            "Both server_options.model_base_path and server_options.model_config_file are empty!"
        )
    for name in (name for name in VALUES if name.endswith("_file")):
        file = getattr(options, name)
        if file and not os.path.exists(file):
            raise StatusError("NOT_FOUND", f"--{name}: {file}: No such file or directory")
    for name in WITHOUT_EFFECT:
        if getattr(options, name) is not None:
            log.warning("--%s has no effect on the embedded server", name)


def channel_arguments(text: str) -> list[tuple[str, Any]]:
    """ "a=1,b=x" → [("a", 1), ("b", "x")]: numbers become int, as gRPC wants them."""
    pairs = [part.split("=", 1) for part in text.split(",") if "=" in part]
    return [(key, int(value) if value.lstrip("-").isdigit() else value) for key, value in pairs]
