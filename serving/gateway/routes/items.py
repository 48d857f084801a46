"""GET /v1/items/{id}/similar: what goes with an item."""

from typing import Annotated

from fastapi import APIRouter, HTTPException
from fastapi import Query as Parameter

from serving.gateway.bodies import SimilarAnswer, SimilarItem
from serving.gateway.model import ModelUnavailableError, UnknownItemError
from serving.gateway.routes.dependencies import Reader, ServicesNow

router = APIRouter(tags=["items"])


@router.get("/v1/items/{item_id:path}/similar")
async def similar(
    item_id: str, services: ServicesNow, caller: Reader, k: Annotated[int, Parameter(ge=1)] = 10
) -> SimilarAnswer:
    """What recall finds for somebody whose history is this one item, the best first."""
    limits = services.settings.limits
    if k > limits.k or len(item_id) > limits.text:
        raise HTTPException(422, f"k is at most {limits.k}, an id has at most {limits.text} characters.")
    try:
        found = await services.model.similar(item_id, k)
    except UnknownItemError:
        raise HTTPException(404, "There is no such item.") from None
    except ModelUnavailableError:
        headers = {"Retry-After": str(round(services.settings.model.pause))}
        raise HTTPException(503, "The model does not answer.", headers=headers) from None
    return SimilarAnswer(
        item_id=item_id, items=[SimilarItem(item_id=item.item_id, score=item.score) for item in found]
    )
