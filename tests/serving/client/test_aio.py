"""The asynchronous client against the fake and against real gRPC servers."""

import asyncio
import time

import grpc
import pytest

from serving import wire
from serving.client import AsyncClient, Client, FakeTransport, NotFoundError, UnavailableError, VersionStatus


def test_it_answers_as_the_synchronous_one_does():
    fake = FakeTransport(["a", "b", "c"], diversity=0.5)
    sync = Client(transport=fake)

    async def ask():
        async with AsyncClient(transport=fake.asynchronous()) as client:
            return [
                await client.recommend("u", history=["a"], k=1),
                await client.certify("u", shown=["b"], k=2),
                await client.retrieve("u", exclude=["b"], k=2),
                await client.rank("u", ["c", "z"]),
                await client.embed_text(["abc"]),
                await client.embed_item("abc"),
                await client.status(),
                await client.metadata(),
            ]

    assert asyncio.run(ask()) == [
        sync.recommend("u", history=["a"], k=1),
        sync.certify("u", shown=["b"], k=2),
        sync.retrieve("u", exclude=["b"], k=2),
        sync.rank("u", ["c", "z"]),
        sync.embed_text(["abc"]),
        sync.embed_item("abc"),
        sync.status(),
        sync.metadata(),
    ]


def test_a_failure_has_its_class():
    fake = FakeTransport()
    fake.fail_with("NOT_FOUND")
    with pytest.raises(NotFoundError):
        asyncio.run(AsyncClient(transport=fake.asynchronous()).status())


def with_server(scenario, failures=0, delays=()):
    """Runs `scenario(address)` beside a server whose first answers fail or are slow; gives (result,
    calls)."""
    calls, waits = [], iter(delays)

    async def answer(request, context):
        calls.append(request)
        await asyncio.sleep(next(waits, 0.0))
        if len(calls) <= failures:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "not yet")
        return wire.GetModelStatusResponse(model_version_status=[{"version": 1, "state": 30}])

    async def run():
        server = grpc.aio.server()
        request, response = wire.method_types(wire.MODEL_SERVICE)["GetModelStatus"]
        handler = grpc.unary_unary_rpc_method_handler(
            answer, request_deserializer=request.FromString, response_serializer=response.SerializeToString
        )
        service = grpc.method_handlers_generic_handler(wire.MODEL_SERVICE, {"GetModelStatus": handler})
        server.add_generic_rpc_handlers((service,))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            return await scenario(f"127.0.0.1:{port}")
        finally:
            await server.stop(None)

    return asyncio.run(run()), len(calls)


AVAILABLE = [VersionStatus(1, "AVAILABLE")]


def status(**options):
    async def scenario(address):
        async with AsyncClient(address, **options) as client:
            return await client.status()

    return scenario


def test_unavailable_is_tried_again():
    assert with_server(status(retries=2, backoff=0.01), failures=2) == (AVAILABLE, 3)
    with pytest.raises(UnavailableError, match="not yet"):
        with_server(status(retries=1, backoff=0.01), failures=2)


def test_a_slow_call_is_sent_twice():
    start = time.monotonic()
    assert with_server(status(hedge_after=0.05), delays=[2.0]) == (AVAILABLE, 2)
    assert time.monotonic() - start < 1.5
    assert with_server(status(hedge_after=5.0)) == (AVAILABLE, 1)
