"""POST /v1/events: acknowledged when they are durable; from then on they count."""

import time
import uuid

from fastapi import APIRouter, HTTPException, Request

from serving.feature_store import Event, StoreError
from serving.gateway.bodies import EventBody, EventsAnswer, EventsBody
from serving.gateway.limits import check_events
from serving.gateway.routes.dependencies import ServicesNow, Writer, pseudonym_for

router = APIRouter(tags=["events"])


@router.post("/v1/events")
async def post_events(
    body: EventsBody, request: Request, services: ServicesNow, caller: Writer
) -> EventsAnswer:
    """What users did. All of a request are kept, or none is acknowledged: then send it again with its ids."""
    check_events(body, services.settings.limits)
    now = time.time()
    users = [pseudonym_for(request, services, caller, event.user_id) for event in body.events]
    events = [_event(event, now) for event in body.events]
    try:
        await services.store.append(list(zip(users, events, strict=True)))
    except StoreError:
        services.metrics.store_errors.inc()
        raise HTTPException(503, "The feature store does not answer.", headers={"Retry-After": "1"}) from None
    for user, event, sent in zip(users, events, body.events, strict=True):
        services.events.append(_row(user, event, sent.slate_id))
        services.metrics.events.labels(event.kind).inc()
    return EventsAnswer(accepted=len(events))


def _event(body: EventBody, now: float) -> Event:
    moment = (
        now if body.time is None else min(body.time, now)
    )  # a clock that is ahead must not rule the order
    return Event(body.kind, body.item_id, moment, body.session, body.event_id or uuid.uuid4().hex)


def _row(user: str, event: Event, slate_id: str) -> dict[str, object]:
    return {
        "user_id": user,
        "item_id": event.item_id,
        "timestamp": event.time,
        "event": event.kind,
        "session": event.session,
        "event_id": event.event_id,
        "slate_id": slate_id,
    }
