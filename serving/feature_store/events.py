"""What a user did, and what a recommender wants to know of it: events in, features out, no storage."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

INTERACTIONS = ("view", "click", "like", "purchase")  # they make the history that the model reads
KINDS = (*INTERACTIONS, "dislike", "impression")


@dataclass(frozen=True)
class Event:
    """One thing that happened between a user and an item.

    Args:
        kind: one of KINDS.
        item_id: of the catalogue, or not yet known to it.
        time: unix seconds.
        session: what was liked or shown there steers the lists of that visit; "" if there are no sessions.
        event_id: an event that is sent again under the same id counts once; "" is never compared.
    """

    kind: str
    item_id: str
    time: float
    session: str = ""
    event_id: str = ""

    @property
    def is_impression(self) -> bool:
        """Impressions come in numbers; stores keep them apart so that they push no history out."""
        return self.kind == "impression"


@dataclass(frozen=True)
class UserFeatures:
    """What is known of a user now: item ids, oldest to newest, each once.

    Args:
        history: items interacted with, without the disliked ones.
        liked: items whose last verdict was a like, given in this visit.
        disliked: items whose last verdict was a dislike.
        shown: items displayed in this visit and not interacted with since.
    """

    history: tuple[str, ...] = ()
    liked: tuple[str, ...] = ()
    disliked: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()


def features_of(events: Sequence[Event], *, session: str = "", since: float = 0.0) -> UserFeatures:
    """The features that follow from a user's events, in whatever order these came.

    An item counts at its last event: viewed, clicked and bought, it stands in the history once. `liked` and `shown` are
    of `session` alone, and not older than `since` (unix seconds).
    """
    ordered = sorted(events, key=lambda event: event.time)
    verdicts = {event.item_id: event.kind for event in ordered if event.kind in ("like", "dislike")}
    touched = _last_places(event.item_id for event in ordered if event.kind in INTERACTIONS)
    visit = [event for event in ordered if event.session == session and event.time >= since]
    liked = _last_places(event.item_id for event in visit if event.kind == "like")
    shown = _last_places(event.item_id for event in visit if event.is_impression)
    return UserFeatures(
        history=tuple(item for item in touched if verdicts.get(item) != "dislike"),
        liked=tuple(item for item in liked if verdicts[item] == "like"),
        disliked=tuple(item for item, verdict in verdicts.items() if verdict == "dislike"),
        shown=tuple(item for item in shown if item not in touched),
    )


def _last_places(items: Iterable[str]) -> dict[str, None]:
    """Each item once, where it stood last."""
    places: dict[str, None] = {}
    for item in items:
        places.pop(item, None)
        places[item] = None
    return places
