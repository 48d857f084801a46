"""The JSON of requests and responses. How long lists and texts may be is the settings' matter (limits.py)."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["view", "click", "like", "dislike", "purchase", "impression"]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RecommendBody(_Body):
    """Whom to recommend to, and under which conditions."""

    user_id: str = Field("", description="an id unknown to all is answered from history, text or popularity")
    session: str = Field("", description="the visit; what was shown in it is remembered")
    k: int = Field(10, ge=1, description="how many items")
    history: list[str] | None = Field(
        None, description="item ids, oldest first, in place of what is remembered"
    )
    query_text: str = Field("", description="free text of the moment")
    exclude: list[str] = Field([], description="item ids that must not come back")
    allow_category: list[str] = Field([], description="only items of these categories; empty means all")
    diversity: float | None = Field(None, ge=0, le=1, description="in place of the model's default")
    fairness: float | None = Field(None, ge=0, le=1, description="in place of the model's default")
    exploration: float | None = Field(None, ge=0, le=1, description="in place of the model's default")
    language: str = Field("", description="of the reasons, such as zh; empty means the model's default")
    liked: list[str] | None = Field(None, description="item ids, in place of those remembered of this visit")
    disliked: list[str] | None = Field(None, description="item ids, in place of those remembered")
    shown: list[str] | None = Field(
        None, description="item ids passed over, in place of those remembered of this visit"
    )
    context: dict[str, str | float] = Field({}, description="the moment, by context column of the model")


class RecommendedItem(BaseModel):
    """One place of a list."""

    item_id: str
    score: float
    reason: str
    propensity: float = Field(description="how probable this item was at this place, given those before it")


class RecommendAnswer(BaseModel):
    """A list."""

    slate_id: str = Field(description="name it in events that follow from this list")
    model_version: int
    fallback: str | None = Field(
        description="why popular items came in place of the model's list; null if they did not"
    )
    history_from: Literal["request", "memory", "model"] = Field(description="whose history was used")
    items: list[RecommendedItem]


class EventBody(_Body):
    """One thing that happened between a user and an item."""

    user_id: str = Field(min_length=1)
    kind: Kind
    item_id: str = Field(min_length=1)
    time: float | None = Field(
        None, ge=0, description="unix seconds; the time of arrival if left out or later"
    )
    session: str = ""
    event_id: str = Field("", description="an event sent again under its id counts once")
    slate_id: str = Field("", description="the list that it follows from")


class EventsBody(_Body):
    """Events, in their order."""

    events: list[EventBody] = Field(min_length=1)


class EventsAnswer(BaseModel):
    """All of them are on disk."""

    accepted: int


class SimilarItem(BaseModel):
    """One item that goes with another."""

    item_id: str
    score: float


class SimilarAnswer(BaseModel):
    """Items that go with one item."""

    item_id: str
    items: list[SimilarItem]


class HealthAnswer(BaseModel):
    """degraded: popular items are served because the model does not answer."""

    status: Literal["ok", "degraded", "unavailable"]
    model_version: int
    breaker: Literal["closed", "half-open", "open"]
    store: Literal["ok", "unavailable"]


class ErasedAnswer(BaseModel):
    """How much there was of a user."""

    remembered_events: int
    logged_events: int
    logged_lists: int


class UserDataAnswer(BaseModel):
    """Everything that the gateway keeps of a user, who stands in it as `pseudonym`."""

    pseudonym: str
    remembered_events: list[dict[str, object]]
    logged_events: list[dict[str, object]]
    logged_lists: list[dict[str, object]]
