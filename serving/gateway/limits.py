"""What one request may ask for: the size of its body before it is read, its lists and texts after."""

import json
from collections.abc import Iterable
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.gateway.bodies import EventsBody, RecommendBody
from serving.gateway.settings import LimitSettings

TOO_LARGE = 413


class BodyLimit:
    """Reads the body up to `limit` bytes, and answers 413 beyond that without reading on."""

    def __init__(self, app: ASGIApp, limit: int):
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body, more = b"", True
        while more and len(body) <= self._limit:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        if len(body) > self._limit:
            await self._refuse(send)
            return
        await self._app(scope, _replay(body, receive), send)

    async def _refuse(self, send: Send) -> None:
        text = json.dumps({"detail": f"A request body has at most {self._limit} bytes."}).encode()
        headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": TOO_LARGE, "headers": headers})
        await send({"type": "http.response.body", "body": text})


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


async def refuse_invalid(_: Request, error: Exception) -> Response:
    """HTTP 422 for a body that does not fit, naming what does not. FastAPI's own answer would repeat the input, which
    may be no text that JSON can carry."""
    problems = error.errors() if isinstance(error, RequestValidationError) else []
    detail = [{"loc": list(problem["loc"]), "msg": problem["msg"]} for problem in problems]
    return Response(json.dumps({"detail": detail}), status_code=422, media_type="application/json")


def check_recommend(body: RecommendBody, limits: LimitSettings) -> None:
    """HTTP 422 if a list, a text or k is beyond the limits."""
    _check_count("k", body.k, limits.k)
    for name in ("history", "exclude", "allow_category", "liked", "disliked", "shown"):
        values = getattr(body, name) or []
        _check_count(name, len(values), limits.history)
        _check_texts(name, values, limits)
    _check_count("context", len(body.context), limits.batch)
    texts: dict[str, Any] = {
        name: getattr(body, name) for name in ("user_id", "session", "query_text", "language")
    }
    for name, value in {**texts, **body.context}.items():
        _check_texts(name, [str(value)], limits)


def check_events(body: EventsBody, limits: LimitSettings) -> None:
    """HTTP 422 if there are too many events, or an id is too long."""
    _check_count("events", len(body.events), limits.batch)
    for event in body.events:
        ids = [event.user_id, event.item_id, event.session, event.event_id, event.slate_id]
        _check_texts("an id of an event", ids, limits)


def _check_count(name: str, count: int, most: int) -> None:
    if count > most:
        raise HTTPException(422, f"{name}: at most {most} are allowed. Received: {count}.")


def _check_texts(name: str, values: Iterable[str], limits: LimitSettings) -> None:
    longest = max(map(len, values), default=0)
    if longest > limits.text:
        raise HTTPException(
            422, f"{name}: at most {limits.text} characters are allowed. Received: {longest}."
        )
