"""What goes into the client and what comes out: small frozen records."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar


@dataclass(frozen=True)
class Query:
    """Whom to recommend to, and under which conditions.

    Args:
        user_id: "" or an id unknown to the model is answered from history, text or popularity.
        history: item ids, oldest to newest; empty means the history known at export.
        query_text: free text of the moment; "" skips the language model.
        exclude: item ids that must not be returned.
        allow_category: only items of one of these categories; empty means all.
        diversity: 0 to 1; None means the model's default.
        context: the moment of asking, by context column ({"device": "tv"}), and "time" in unix seconds where
            the model uses it; what is left out is not known.
        liked, disliked, shown: item ids of this session: taken (the newest of the history), refused (these never come
            back), and seen without being taken.
        fairness, exploration: 0 to 1; None means the model's default.
        language: of the reasons, such as "zh"; "" means the model's default.
    """

    user_id: str = ""
    history: Sequence[str] = ()
    query_text: str = ""
    exclude: Sequence[str] = ()
    allow_category: Sequence[str] = ()
    diversity: float | None = None
    context: Mapping[str, str | float] = field(default_factory=dict)
    liked: Sequence[str] = ()
    disliked: Sequence[str] = ()
    shown: Sequence[str] = ()
    fairness: float | None = None
    exploration: float | None = None
    language: str = ""


@dataclass(frozen=True)
class Recommendation:
    """One place of a list. `score` orders the list; `ranking_score` is the relevance."""

    item_id: str
    score: float
    retrieval_score: float
    ranking_score: float
    reason: str


@dataclass(frozen=True)
class Step:
    """Where an item stood after a step of re-ranking: `position` from 1, and the score that it had there."""

    name: str
    position: int
    score: float


@dataclass(frozen=True)
class Certified(Recommendation):
    """One place of a list, and how the item came there.

    Args:
        steps: every step in order; the first, "ranking", is what re-ranking began with.
        moved_by: the names of the steps that gave it another position.
        propensity: how likely it was to be drawn for its place, given those before it; 1 without exploration.
    """

    steps: tuple[Step, ...]
    moved_by: tuple[str, ...]
    propensity: float


Item = TypeVar("Item", bound=Recommendation)


class Slate(list[Item]):
    """One list, the best first; `version` is that of the model that made it."""

    def __init__(self, items: Iterable[Item] = (), *, version: int = 0):
        super().__init__(items)
        self.version = version


@dataclass(frozen=True)
class ScoredItem:
    """One retrieved candidate."""

    item_id: str
    score: float


@dataclass(frozen=True)
class VersionStatus:
    """One version of the model on the server; `state` is START, LOADING, AVAILABLE, UNLOADING or END."""

    version: int
    state: str
    error: str = ""


@dataclass(frozen=True)
class TensorSpec:
    """One input or output: TensorFlow's dtype name ("string") and shape, -1 for an open dimension."""

    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Signature:
    """One function of the model; `optional` are the inputs that have defaults: their values for one row."""

    inputs: Mapping[str, TensorSpec] = field(default_factory=dict)
    outputs: Mapping[str, TensorSpec] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()
    defaults: Mapping[str, Sequence[str | float | bytes]] = field(default_factory=dict)
