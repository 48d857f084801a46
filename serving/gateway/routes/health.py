"""GET /v1/health and /metrics: for those who watch."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.security import HTTPAuthorizationCredentials

from serving.feature_store import StoreError
from serving.gateway.access import ADMIN
from serving.gateway.bodies import HealthAnswer
from serving.gateway.routes.dependencies import ServicesNow, authenticated, credentials_of
from serving.gateway.services import Services

router = APIRouter(tags=["operation"])


@router.get("/v1/health")
async def health(services: ServicesNow, response: Response) -> HealthAnswer:
    """200 while lists can be served, be they popular items; 503 else. Needs no key, and tells no secret."""
    model = services.model
    store = await _store_state(services)
    by_model = bool(model.version) and model.breaker.state == "closed"
    if store == "unavailable" or not (by_model or model.popular.version):
        response.status_code = 503
        status = "unavailable"
    else:
        status = "ok" if by_model else "degraded"
    return HealthAnswer(status=status, model_version=model.version, breaker=model.breaker.state, store=store)


@router.get("/metrics")
async def metrics(
    request: Request,
    services: ServicesNow,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(credentials_of)],
) -> Response:
    """Prometheus' text format; for the scope admin, unless the settings open it."""
    if not services.settings.open_metrics:
        caller = authenticated(services, credentials.credentials if credentials else "")
        request.state.caller = caller.name
        if ADMIN not in caller.scopes:
            raise HTTPException(403, f"This needs the scope {ADMIN}.")
    text = services.metrics.text(breaker=services.model.breaker.state, version=services.model.version)
    return Response(text, media_type="text/plain; version=0.0.4")


async def _store_state(services: Services) -> str:
    try:
        await services.store.events("")
    except StoreError:
        return "unavailable"
    return "ok"
