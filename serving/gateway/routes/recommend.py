"""POST /v1/recommend: what is remembered of the user, the model's list, and a line in the log of lists."""

import time
import uuid
from typing import Any, Literal

from fastapi import APIRouter, HTTPException, Request

from serving.client import Certified, InvalidRequestError, Query, Slate
from serving.feature_store import StoreError, UserFeatures, features_of
from serving.gateway.bodies import RecommendAnswer, RecommendBody, RecommendedItem
from serving.gateway.limits import check_recommend
from serving.gateway.model import ModelUnavailableError
from serving.gateway.queries import UnknownWishError, make_query
from serving.gateway.routes.dependencies import Reader, ServicesNow, pseudonym_for
from serving.gateway.services import Services

router = APIRouter(tags=["recommend"])


@router.post("/v1/recommend")
async def recommend(
    body: RecommendBody, request: Request, services: ServicesNow, caller: Reader
) -> RecommendAnswer:
    """Items for a user now. What was posted to /v1/events before counts."""
    check_recommend(body, services.settings.limits)
    user = pseudonym_for(request, services, caller, body.user_id)
    with services.metrics.stage("memory"):
        features = await _remembered(services, user, body.session)
    with services.metrics.stage("model"):
        query, slate, fallback = await _answered(services, body, features)
    answer = RecommendAnswer(
        slate_id=uuid.uuid4().hex,
        model_version=slate.version,
        fallback=fallback,
        history_from=_source(body, query),
        items=[
            RecommendedItem(
                item_id=item.item_id,
                score=item.score,
                reason=item.reason,
                propensity=item.propensity if isinstance(item, Certified) else 1.0,
            )
            for item in slate
        ],
    )
    with services.metrics.stage("log"):
        exploration = 0.0 if fallback else services.model.abilities.exploration_of(query)
        row = _row(answer, body, query, user)
        services.impressions.append({**row, "caller": caller.name, "exploration": exploration})
        services.metrics.served(query.history, slate, by_model=fallback is None)
    return answer


async def _remembered(services: Services, user: str, session: str) -> UserFeatures:
    if not user:
        return UserFeatures()
    since = 0.0 if session else time.time() - services.settings.session
    try:
        return features_of(await services.store.events(user), session=session, since=since)
    except StoreError:  # a list without memory is better than none
        services.metrics.store_errors.inc()
        return UserFeatures()


async def _answered(
    services: Services, body: RecommendBody, features: UserFeatures
) -> tuple[Query, Slate[Any], str | None]:
    """What the model was asked, its list, or popular items and the reason for them."""
    model = services.model
    try:
        query = make_query(body, features, model.abilities, longest=services.settings.limits.history)
    except UnknownWishError as error:
        raise HTTPException(422, str(error)) from None
    try:
        return query, await model.recommend(query, body.k), None
    except (InvalidRequestError, ValueError) as error:
        if isinstance(error, InvalidRequestError) and await model.learn():
            return await _answered(services, body, features)  # another version, which takes other inputs
        raise HTTPException(422, f"The model refuses this request. {error}") from None
    except ModelUnavailableError as error:
        return query, _stand_in(services, query, body.k, error.cause), error.cause


def _stand_in(services: Services, query: Query, k: int, cause: str) -> Slate[Any]:
    services.metrics.fallbacks.labels(cause).inc()
    if query.allow_category:  # popular items of other categories would break a promise
        raise _unavailable(services)
    without = [*query.history, *query.liked, *query.exclude]
    slate = services.model.popular.slate(k, without=without)
    if not slate:
        raise _unavailable(services)
    return slate


def _unavailable(services: Services) -> HTTPException:
    headers = {"Retry-After": str(round(services.settings.model.pause))}
    return HTTPException(503, "The model does not answer, and nothing can stand in for it.", headers=headers)


def _source(body: RecommendBody, query: Query) -> Literal["request", "memory", "model"]:
    if body.history or body.liked:
        return "request"
    return "memory" if query.history or query.liked else "model"


def _row(answer: RecommendAnswer, body: RecommendBody, query: Query, user: str) -> dict[str, object]:
    return {
        "slate_id": answer.slate_id,
        "user_id": user,
        "timestamp": time.time(),
        "session": body.session,
        "model_version": answer.model_version,
        "fallback": answer.fallback or "",
        "history": list(query.history),
        "exclude": list(query.exclude),
        "allow_category": body.allow_category,
        "liked": list(query.liked),
        "disliked": list(query.disliked),
        "shown": list(query.shown),
        "has_text": bool(body.query_text),
        "item_id": [item.item_id for item in answer.items],
        "score": [item.score for item in answer.items],
        "propensity": [item.propensity for item in answer.items],
    }
