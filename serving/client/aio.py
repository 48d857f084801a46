"""The asynchronous client: the same questions, awaited."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

import grpc

from serving import wire
from serving.client.dialogue import Dialogue, Talk
from serving.client.errors import UnavailableError
from serving.client.results import (
    Certified,
    Query,
    Recommendation,
    ScoredItem,
    Signature,
    Slate,
    VersionStatus,
)
from serving.client.transport import SERVICE_OF, channel_options, error_of, retry_pause

Result = TypeVar("Result")


class AsyncTransport(Protocol):
    """Anything that can carry an awaited call."""

    async def call(self, method: str, request: Any, timeout: float) -> Any:
        """As Transport.call."""

    async def close(self) -> None:
        """Frees the connection."""


class AsyncGrpcTransport:
    """A gRPC channel of asyncio to one server. The arguments are those of GrpcTransport."""

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
            self._channel = grpc.aio.insecure_channel(address, options=settings)
        else:
            self._channel = grpc.aio.secure_channel(address, credentials, options=settings)
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

    async def call(self, method: str, request: Any, timeout: float) -> Any:
        """Sends the request; `timeout` seconds cover all tries together."""
        deadline = time.monotonic() + timeout
        for attempt in range(self._retries + 1):
            try:
                return await self._send(self._stubs[method], request, deadline)
            except grpc.aio.AioRpcError as failure:
                error = error_of(failure, request)
                pause = retry_pause(self._backoff, attempt)
                too_late = time.monotonic() + pause >= deadline
                if not isinstance(error, UnavailableError) or attempt == self._retries or too_late:
                    raise error from failure
            await asyncio.sleep(pause)
        raise AssertionError("unreachable: the last try returns or raises")

    async def _send(self, stub: Any, request: Any, deadline: float) -> Any:
        remaining = max(0.001, deadline - time.monotonic())
        if self._hedge_after is None:
            return await stub(request, timeout=remaining)
        tasks = {asyncio.ensure_future(_awaited(stub(request, timeout=remaining)))}
        done, tasks = await asyncio.wait(tasks, timeout=self._hedge_after)
        if not done:
            tasks.add(asyncio.ensure_future(_awaited(stub(request, timeout=deadline - time.monotonic()))))
        try:
            while tasks:
                finished, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                done |= finished
                answered = [task for task in done if task.exception() is None]
                if answered:
                    return answered[0].result()
            return done.pop().result()
        finally:
            for task in tasks:
                task.cancel()

    async def close(self) -> None:
        """Closes the channel."""
        await self._channel.close()


async def _awaited(call: Any) -> Any:
    return await call


class AsyncClient:
    """As Client, for asyncio. An asynchronous context manager; for one event loop.

    Args:
        address: "host:port" of the gRPC API.
        model: the model's name on the server.
        version: a fixed version; None means the newest available one.
        timeout: seconds for one call, retries included.
        transport: how calls travel; made from `address` and the further options if None.
        **options: of AsyncGrpcTransport.
    """

    def __init__(
        self,
        address: str = "",
        *,
        model: str = "recommender",
        version: int | None = None,
        timeout: float = 10.0,
        transport: AsyncTransport | None = None,
        **options: Any,
    ):
        self.timeout = timeout
        self._transport = transport or AsyncGrpcTransport(address, **options)
        self._dialogue = Dialogue(model, version)

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Frees the connection."""
        await self._transport.close()

    async def recommend(self, user_id: str = "", *, k: int = 10, **conditions: Any) -> Slate[Recommendation]:
        """As Client.recommend; the conditions are those of Query."""
        return (await self.recommend_batch([Query(user_id, **conditions)], k=k))[0]

    async def recommend_batch(self, queries: Sequence[Query], *, k: int = 10) -> list[Slate[Recommendation]]:
        """As Client.recommend_batch."""
        return await self._hold(self._dialogue.recommend(queries, k))

    async def certify(self, user_id: str = "", *, k: int = 10, **conditions: Any) -> Slate[Certified]:
        """As Client.certify."""
        return await self._hold(self._dialogue.certify(Query(user_id, **conditions), k))

    async def retrieve(self, user_id: str = "", *, k: int = 200, **conditions: Any) -> list[ScoredItem]:
        """As Client.retrieve; the conditions are those of Query."""
        return await self._hold(self._dialogue.retrieve(Query(user_id, **conditions), k))

    async def rank(
        self,
        user_id: str,
        candidates: Sequence[str],
        *,
        history: Sequence[str] = (),
        query_text: str = "",
        context: Mapping[str, str | float] = {},
    ) -> list[float]:
        """As Client.rank."""
        query = Query(user_id, history, query_text, context=context)
        return await self._hold(self._dialogue.rank(query, candidates))

    async def embed_text(self, texts: Sequence[str]) -> list[list[float]]:
        """As Client.embed_text."""
        return await self._hold(self._dialogue.embed_text(texts))

    async def embed_item(self, item_id: str = "", **columns: str | float | Sequence[float]) -> list[float]:
        """As Client.embed_item."""
        return await self._hold(self._dialogue.embed_item(item_id, columns))

    async def status(self) -> list[VersionStatus]:
        """As Client.status."""
        return await self._hold(self._dialogue.status())

    async def metadata(self) -> dict[str, Signature]:
        """As Client.metadata."""
        return await self._hold(self._dialogue.metadata())

    async def _hold(self, talk: Talk[Result]) -> Result:
        try:
            call = next(talk)
            while True:
                call = talk.send(await self._transport.call(call.method, call.request, self.timeout))
        except StopIteration as end:
            return end.value
