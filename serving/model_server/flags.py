"""The command line: TensorFlow Serving's own flag names and defaults (`--flag value` is understood beside its
`--flag=value`)."""

import argparse
import os
from typing import Any

from serving.model_server.status import StatusError, invalid_argument

CPUS = os.cpu_count() or 1


def _flag(text: str) -> bool:
    if text.lower() in ("true", "1"):
        return True
    if text.lower() in ("false", "0"):
        return False
    raise argparse.ArgumentTypeError(f"expected true or false. Received: {text!r}")


def parser() -> argparse.ArgumentParser:
    """Every flag that has an effect here. Flags of TensorFlow Serving that are not listed are an error, not
    silently ignored."""
    result = argparse.ArgumentParser(
        prog="tfrec serve",
        allow_abbrev=False,
        description="Serve SavedModels over TensorFlow Serving's gRPC and REST APIs.",
    )
    add = result.add_argument

    def switch(name: str, default: bool, help: str) -> None:
        add(name, nargs="?", type=_flag, const=True, default=default, metavar="true|false", help=help)

    add("--port", type=int, default=8500, help="gRPC port; 0 picks a free one and prints it")
    add("--bind_address", default="0.0.0.0", help="address of both ports (this server's own flag)")
    add("--grpc_socket_path", default="", help="also listen on this Unix socket")
    add("--grpc_max_threads", type=int, default=max(32, 4 * CPUS), help="requests in work at a time")
    add("--grpc_channel_arguments", default="", help="k=v,k=v for the gRPC server")
    add("--rest_api_port", type=int, default=0, help="HTTP port; 0 means no REST API")
    add("--rest_api_timeout_in_ms", type=int, default=30000)
    switch("--rest_api_enable_cors_support", False, "answer with CORS headers")
    add("--model_name", default="default")
    add("--model_base_path", default="", help="folder with numeric version folders")
    add(
        "--model_config_file",
        default="",
        help="text ModelServerConfig; replaces model_name and model_base_path",
    )
    add("--model_config_file_poll_wait_seconds", type=float, default=0, help="0 reads it once")
    add("--file_system_poll_wait_seconds", type=float, default=1, help="0 looks once, below 0 never again")
    add("--max_num_load_retries", type=int, default=5)
    add("--load_retry_interval_micros", type=int, default=60_000_000)
    add("--saved_model_tags", default="serve")
    add(
        "--tensorflow_intra_op_parallelism",
        type=int,
        default=0,
        help="threads of one op; 0 lets TensorFlow choose",
    )
    add(
        "--tensorflow_inter_op_parallelism",
        type=int,
        default=0,
        help="ops at a time; 0 lets TensorFlow choose",
    )
    add("--tensorflow_session_parallelism", type=int, default=0, help="both of the above")
    switch("--enable_model_warmup", True, "run the recorded requests while loading")
    add("--num_request_iterations_for_warmup", type=int, default=0)
    switch("--enable_batching", False, "merge requests into batches")
    add("--batching_parameters_file", default="", help="text BatchingParameters; needs --enable_batching")
    switch(
        "--enable_per_model_batching_parameters", False, "read batching_params.pbtxt of each version folder"
    )
    switch(
        "--allow_version_labels_for_unavailable_models",
        False,
        "a new label may name a version not loaded yet",
    )
    switch("--enable_signature_method_name_check", False, "refuse signatures whose method_name does not fit")
    switch(
        "--enable_serialization_as_tensor_content",
        False,
        "answer with tensor_content instead of typed fields",
    )
    switch("--enable_grpc_healthcheck_service", False, "serve grpc.health.v1")
    add("--ssl_config_file", default="", help="text SSLConfig; gRPC only")
    add("--monitoring_config_file", default="", help="text MonitoringConfig for Prometheus")
    return result


def check(options: argparse.Namespace) -> None:
    """Refuses flags that do not go together, before anything heavy is loaded.

    Raises:
        StatusError: INVALID_ARGUMENT or NOT_FOUND.
    """
    if options.batching_parameters_file and not options.enable_batching:
        raise invalid_argument(
            "server_options.batching_parameters_file is set without setting server_options.enable_batching "
            "to true."
        )
    if not options.model_base_path and not options.model_config_file:
        raise invalid_argument(
            "Both server_options.model_base_path and server_options.model_config_file are empty!"
        )
    for name in (
        "model_config_file",
        "batching_parameters_file",
        "ssl_config_file",
        "monitoring_config_file",
    ):
        file = getattr(options, name)
        if file and not os.path.exists(file):
            raise StatusError("NOT_FOUND", f"--{name}: {file}: No such file or directory")


def channel_arguments(text: str) -> list[tuple[str, Any]]:
    """ "a=1,b=x" → [("a", 1), ("b", "x")]: numbers become int, as gRPC wants them."""
    pairs = [part.split("=", 1) for part in text.split(",") if "=" in part]
    return [(key, int(value) if value.lstrip("-").isdigit() else value) for key, value in pairs]
