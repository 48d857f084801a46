"""From what is asked and what is remembered to what the served model can be told.

Exports differ in what their `recommend` takes. Older ones know nothing of a session and are told in their own words:
what was liked is the end of the history, what was disliked is excluded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serving.client import Query, Signature
from serving.feature_store import UserFeatures
from serving.gateway.bodies import RecommendBody

_WISHES = ("diversity", "fairness", "exploration", "language")


class UnknownWishError(ValueError):
    """The served model does not take what a request asks for."""


@dataclass(frozen=True)
class Abilities:
    """What a served model can be asked.

    Args:
        inputs: of its `recommend`; None before anything is known of it: then it is told everything.
        certifies: it can tell how probable each place of a list was.
        exploration: how much it explores where a request does not say.
    """

    inputs: frozenset[str] | None = None
    certifies: bool = False
    exploration: float = 0.0

    @classmethod
    def of(cls, signatures: Mapping[str, Signature]) -> "Abilities":
        """Those of a model with these signatures."""
        recommend = signatures.get("recommend", Signature())
        (exploration,) = recommend.defaults.get("exploration", (0.0,))
        return cls(frozenset(recommend.inputs), "certify" in signatures, float(exploration))

    def takes(self, name: str) -> bool:
        """Whether `recommend` has this input."""
        return self.inputs is None or name in self.inputs

    def exploration_of(self, query: Query) -> float:
        """How much the answer to this query is drawn by chance."""
        if not self.takes("exploration"):
            return 0.0
        return self.exploration if query.exploration is None else query.exploration


def make_query(body: RecommendBody, features: UserFeatures, abilities: Abilities, *, longest: int) -> Query:
    """The query for a request; its own lists stand in for those that are remembered.

    Args:
        longest: no list is longer; the newest items stay.

    Raises:
        UnknownWishError: naming what the model does not take.
    """
    wishes = {name: getattr(body, name) for name in _WISHES if getattr(body, name) not in (None, "")}
    unknown = sorted(name for name in wishes if not abilities.takes(name))
    if unknown:
        raise UnknownWishError(f"The served model does not take: {', '.join(unknown)}.")
    given = {name: getattr(body, name) for name in ("history", "liked", "disliked", "shown")}
    lists = {name: list(getattr(features, name) if value is None else value) for name, value in given.items()}
    liked, disliked = lists["liked"], lists["disliked"]
    history = [item for item in lists.pop("history") if item not in liked]  # it stands at the end, once
    if not abilities.takes("liked"):
        history += liked
    taken: dict[str, Any] = {name: items[-longest:] for name, items in lists.items() if abilities.takes(name)}
    return Query(
        user_id=body.user_id,
        history=history[-longest:],
        query_text=body.query_text,
        exclude=[*body.exclude, *(item for item in disliked if item not in body.exclude)],
        allow_category=body.allow_category,
        context=body.context,
        **taken,
        **wishes,
    )
