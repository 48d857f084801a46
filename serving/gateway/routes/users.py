"""A user's data: shown and erased on request."""

from dataclasses import asdict

from fastapi import APIRouter, HTTPException, Request

from serving.feature_store import StoreError
from serving.gateway.bodies import ErasedAnswer, UserDataAnswer
from serving.gateway.routes.dependencies import Admin, ServicesNow, pseudonym_for

router = APIRouter(tags=["privacy"])

_STORE_IS_AWAY = HTTPException(503, "The feature store does not answer.", headers={"Retry-After": "1"})


@router.get("/v1/users/{user_id:path}/data")
async def show(user_id: str, request: Request, services: ServicesNow, caller: Admin) -> UserDataAnswer:
    """Everything that the gateway keeps of a user. The model's own training data is another matter."""
    user = pseudonym_for(request, services, caller, user_id)
    try:
        remembered = [asdict(event) for event in await services.store.events(user)]
    except StoreError:
        raise _STORE_IS_AWAY from None
    return UserDataAnswer(
        pseudonym=user,
        remembered_events=remembered,
        logged_events=await services.events.rows_of(user),
        logged_lists=await services.impressions.rows_of(user),
    )


@router.delete("/v1/users/{user_id:path}/data")
async def erase(user_id: str, request: Request, services: ServicesNow, caller: Admin) -> ErasedAnswer:
    """Removes it. The model forgets a user when it is trained again without them."""
    user = pseudonym_for(request, services, caller, user_id)
    try:
        remembered = await services.store.erase(user)
    except StoreError:
        raise _STORE_IS_AWAY from None
    return ErasedAnswer(
        remembered_events=remembered,
        logged_events=await services.events.erase(user),
        logged_lists=await services.impressions.erase(user),
    )
