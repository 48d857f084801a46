"""One JSON line for each request, and its metrics. No path, query, header or body: those hold ids and keys."""

import json
import logging
import time
import traceback

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.gateway.monitoring import GatewayMetrics

log = logging.getLogger("tfrec.gateway.access")
failures = logging.getLogger("tfrec.gateway.failure")


class AccessLog:
    """Logs route, status, time, the caller's name and the user's pseudonym.

    An exception is logged as its class and the places it passed, without its text, and answered with 500.
    """

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        state = scope.setdefault("state", {})
        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            places = [
                f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)
            ]
            failures.error("%s at %s", type(error).__name__, " > ".join(places[-6:]))
            await _answer_failure(watched)
        finally:
            self._tell(scope, state, status, time.perf_counter() - start)

    def _tell(self, scope: Scope, state: dict[str, str], status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unknown")
        services = getattr(scope["app"].state, "services", None)
        if services is not None:
            metrics: GatewayMetrics = services.metrics
            metrics.requests.labels(route, status).inc()
            metrics.seconds.labels(route).observe(seconds)
        facts = {"method": scope["method"], "route": route, "status": status, "ms": round(1e3 * seconds, 2)}
        log.info(json.dumps({**facts, **{key: state[key] for key in ("caller", "user") if key in state}}))


async def _answer_failure(send: Send) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 500, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"detail":"The gateway failed on this request."}'})
