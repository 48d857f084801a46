"""How a request message gets to the server and the response back: gRPC, with deadlines, retries and TLS."""

import queue
import random
import time
from collections.abc import Sequence
from typing import Any, Protocol

import grpc

from serving import wire
from serving.client.errors import ServingError, UnavailableError, error_for


class Transport(Protocol):
    """Anything that can carry a call; `FakeTransport` is one for tests."""

    def call(self, method: str, request: Any, timeout: float) -> Any:
        """The response message of `method` ("Predict", "GetModelStatus", ...).

        Raises:
            ServingError: the call failed.
        """

    def close(self) -> None:
        """Frees the connection."""


SERVICE_OF = {
    method: service
    for service in (wire.PREDICTION_SERVICE, wire.MODEL_SERVICE)
    for method in wire.method_types(service)
}


def channel_options(max_message_bytes: int, options: Sequence[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """gRPC's own limit for a response is 4 MiB, too little for a large batch of lists."""
    return [
        ("grpc.max_send_message_length", max_message_bytes),
        ("grpc.max_receive_message_length", max_message_bytes),
        *options,
    ]


def error_of(failure: grpc.RpcError, request: Any) -> ServingError:
    """gRPC's error as the client's own."""
    return error_for(failure.code().name, failure.details() or "", request)


class GrpcTransport:
    """A gRPC channel to one server. Thread-safe.

    Args:
        address: "host:port" or "unix:/path".
        credentials: TLS; None means a plain connection.
        retries: how often a call is sent again when the server is unavailable. The calls only read, so that
            sending one twice does no harm.
        backoff: seconds before the first retry; doubles each time, with jitter.
        hedge_after: seconds without an answer after which the call is sent a second time; the first answer
            counts. For several servers behind one address. None never does.
        max_message_bytes: limit of requests and responses.
        options: more gRPC channel options.
    """

    def __init__(
        self,
        address: str,
        *,
        credentials: grpc.ChannelCredentials | None = None,
        retries: int = 2,
        backoff: float = 0.05,
        hedge_after: float | None = None,
        max_message_bytes: int = 64 << 20,
        options: Sequence[tuple[str, Any]] = (),
    ):
        settings = channel_options(max_message_bytes, options)
        if credentials is None:
            self._channel = grpc.insecure_channel(address, options=settings)
        else:
            self._channel = grpc.secure_channel(address, credentials, options=settings)
        self._retries = retries
        self._backoff = backoff
        self._hedge_after = hedge_after
        self._stubs = {method: self._stub(service, method) for method, service in SERVICE_OF.items()}

    def _stub(self, service: str, method: str) -> Any:
        request, response = wire.method_types(service)[method]
        return self._channel.unary_unary(
            f"/{service}/{method}",
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )

    def call(self, method: str, request: Any, timeout: float) -> Any:
        """Sends the request; `timeout` seconds cover all tries together."""
        deadline = time.monotonic() + timeout
        for attempt in range(self._retries + 1):
            try:
                return self._send(self._stubs[method], request, deadline)
            except grpc.RpcError as failure:
                error = error_of(failure, request)
                pause = retry_pause(self._backoff, attempt)
                too_late = time.monotonic() + pause >= deadline
                if not isinstance(error, UnavailableError) or attempt == self._retries or too_late:
                    raise error from failure
            time.sleep(pause)
        raise AssertionError("unreachable: the last try returns or raises")

    def _send(self, stub: Any, request: Any, deadline: float) -> Any:
        remaining = max(0.001, deadline - time.monotonic())
        if self._hedge_after is None:
            return stub(request, timeout=remaining)
        finished: queue.SimpleQueue[grpc.Future] = queue.SimpleQueue()
        sent = [_started(stub, request, remaining, finished)]
        try:
            first = finished.get(timeout=self._hedge_after)
        except queue.Empty:
            sent.append(_started(stub, request, deadline - time.monotonic(), finished))
            first = finished.get()
        if len(sent) > 1 and first.exception() is not None:
            first = finished.get()  # one failed: the other one's outcome counts
        for call in sent:
            call.cancel()
        return first.result()

    def close(self) -> None:
        """Closes the channel."""
        self._channel.close()


def _started(
    stub: Any, request: Any, timeout: float, finished: "queue.SimpleQueue[grpc.Future]"
) -> grpc.Future:
    call = stub.future(request, timeout=timeout)
    call.add_done_callback(finished.put)
    return call


def retry_pause(backoff: float, attempt: int) -> float:
    """Seconds before try `attempt + 2`: doubled each time, half of it random so that clients do not march in
    step."""
    return backoff * 2**attempt * random.uniform(0.5, 1.0)
