"""The gateway as an ASGI application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError

from serving.client import AsyncTransport
from serving.gateway.access_log import AccessLog
from serving.gateway.limits import BodyLimit, refuse_invalid
from serving.gateway.routes import ROUTERS
from serving.gateway.services import open_services
from serving.gateway.settings import GatewaySettings


def create_app(settings: GatewaySettings, *, transport: AsyncTransport | None = None) -> FastAPI:
    """The application; its parts are opened when the server starts it.

    Args:
        transport: to a model server; None means gRPC to `settings.model.server`. A
            `FakeTransport(...).asynchronous()` needs no server.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_services(settings, transport=transport) as services:
            app.state.services = services
            yield

    app = FastAPI(
        title="tfrec gateway",
        description="Recommendations that know what happened a moment ago.",
        version="1",
        lifespan=lifespan,
    )
    for router in ROUTERS:
        app.include_router(router)
    app.add_exception_handler(RequestValidationError, refuse_invalid)
    app.add_middleware(BodyLimit, limit=settings.limits.body)
    app.add_middleware(AccessLog)  # added last, so it sees all
    return app
