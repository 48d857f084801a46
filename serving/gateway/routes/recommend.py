"""POST /v1/recommend: what is remembered of the user, the model's list, and a line in the log of lists."""

import time
import uuid
from collections.abc import Sequence
from typing import Literal

from fastapi import APIRouter, HTTPException, Request

from serving.client import InvalidRequestError, Query, Slate
from serving.feature_store import StoreError, UserFeatures, features_of
from serving.gateway.bodies import RecommendAnswer, RecommendBody, RecommendedItem
from serving.gateway.limits import check_recommend
from serving.gateway.model import ModelUnavailableError
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
    query = _query(body, features, services.settings.limits.history)
    with services.metrics.stage("model"):
        slate, fallback = await _answered(services, query, body.k)
    answer = RecommendAnswer(
        slate_id=uuid.uuid4().hex,
        model_version=slate.version,
        fallback=fallback,
        history_from=_source(body, query),
        items=[
            RecommendedItem(item_id=item.item_id, score=item.score, reason=item.reason, propensity=1.0)
            for item in slate
        ],
    )
    with services.metrics.stage("log"):
        services.impressions.append(_row(answer, body, query, user, caller.name))
        services.metrics.served(query.history, slate, by_model=fallback is None)
    return answer


async def _remembered(services: Services, user: str, session: str) -> UserFeatures:
    if not user:
        return UserFeatures()
    try:
        return features_of(await services.store.events(user), session=session)
    except StoreError:  # a list without memory is better than none
        services.metrics.store_errors.inc()
        return UserFeatures()


def _query(body: RecommendBody, features: UserFeatures, longest: int) -> Query:
    history: Sequence[str] = features.history[-longest:] if body.history is None else body.history
    return Query(
        user_id=body.user_id,
        history=history,
        query_text=body.query_text,
        exclude=[*body.exclude, *(item for item in features.disliked if item not in body.exclude)],
        allow_category=body.allow_category,
        diversity=body.diversity,
        context=body.context,
    )


async def _answered(services: Services, query: Query, k: int) -> tuple[Slate, str | None]:
    """The model's list, or popular items and the reason for them."""
    try:
        return await services.model.recommend(query, k), None
    except (InvalidRequestError, ValueError) as error:
        raise HTTPException(422, f"The model refuses this request. {error}") from None
    except ModelUnavailableError as error:
        services.metrics.fallbacks.labels(error.cause).inc()
        if query.allow_category:  # popular items of other categories would break a promise
            raise _unavailable(services) from None
        slate = services.model.popular.slate(k, without=[*query.history, *query.exclude])
        if not slate:
            raise _unavailable(services) from None
        return slate, error.cause


def _unavailable(services: Services) -> HTTPException:
    headers = {"Retry-After": str(round(services.settings.model.pause))}
    return HTTPException(503, "The model does not answer, and nothing can stand in for it.", headers=headers)


def _source(body: RecommendBody, query: Query) -> Literal["request", "memory", "model"]:
    if body.history:
        return "request"
    return "memory" if query.history else "model"


def _row(
    answer: RecommendAnswer, body: RecommendBody, query: Query, user: str, caller: str
) -> dict[str, object]:
    return {
        "slate_id": answer.slate_id,
        "user_id": user,
        "timestamp": time.time(),
        "session": body.session,
        "caller": caller,
        "model_version": answer.model_version,
        "fallback": answer.fallback or "",
        "history": list(query.history),
        "exclude": list(query.exclude),
        "allow_category": body.allow_category,
        "has_text": bool(body.query_text),
        "item_id": [item.item_id for item in answer.items],
        "score": [item.score for item in answer.items],
        "propensity": [item.propensity for item in answer.items],
    }
