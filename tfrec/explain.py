"""Why an item has its ranking score for a user: shares by group of inputs, and by event of the history.

Groups by integrated gradients through the ranker. Events by Shapley values through recall and ranking: what an event is
worth to a score is how the score falls where the event had not happened, and events that say the same share it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import tensorflow as tf

from tfrec.funnel import Funnel
from tfrec.ranking.attribution import integrated_gradients, shapley_values
from tfrec.ranking.features import ALL_GROUPS
from tfrec.request import Request
from tfrec.retrieval.lookup import compact

HISTORY = "history"  # the group of what the networks make of the events' vectors
AT_ONCE = 256


class ExplanationError(ValueError):
    """A pair that cannot be explained; the message says why."""


@dataclass(frozen=True)
class EventShare:
    """What one event of the history adds to the score."""

    item_id: str
    title: str
    share: float


@dataclass(frozen=True)
class Explanation:
    """A ranking score taken apart, in the units of the score.

    Attributes:
        item_id, title: what was scored.
        score: by the ranker, without what a free text would add.
        groups: what each of `GROUPS`, and the history itself, adds to `base`, the score of a candidate with average
            features and of a history without vectors.
        base: see there.
        groups_error: score less base and groups: what the integral misses.
        events: what each event adds to `events_base`, largest first.
        events_base: the score without any event.
        events_error: score less events_base and events: rounding.
    """

    item_id: str
    title: str
    score: float
    groups: dict[str, float]
    base: float
    groups_error: float
    events: list[EventShare]
    events_base: float
    events_error: float


class Explainer:
    """Explains what a funnel's ranking says.

    Args:
        funnel: of a run.
    """

    def __init__(self, funnel: Funnel) -> None:
        self.funnel, self.read = funnel, funnel.signatures.read
        self.stages = funnel.signatures.slate.exact()
        self._inputs = tf.function(self._asked, autograph=False, reduce_retracing=True)

    def __call__(self, user_id: str, item_id: str, history: Sequence[str] = ()) -> Explanation:
        """Why `item_id` is scored as it is.

        Args:
            user_id: a known user's stored history is used when `history` is empty.
            item_id: of the catalogue.
            history: item ids, oldest first.

        Raises:
            ExplanationError: the item is unknown, or there is no event to explain anything by.
        """
        request = self.funnel.request(user_id, history)
        row = self.read.item_rows(tf.constant([[item_id]]))
        if not int(row[0, 0]):
            raise ExplanationError(f"`item` must be an item of the run. Received: {item_id!r}.")
        if not bool(request.known[0, 0]):
            raise ExplanationError(
                "`user` must be a known user with events, or come with a history: others are served by popularity "
                f"and text. Received: {user_id!r}."
            )
        parts = integrated_gradients(self.stages.ranker, self._inputs(request, row))
        rows = request.recent.numpy()[0][: int(tf.math.count_nonzero(request.recent))]
        adds, error = shapley_values(lambda there: self._without(request, row, there), len(rows))
        ids = self.funnel.signatures.item_ids.numpy()
        events = [self._event(ids[event].decode(), add) for event, add in zip(rows, adds, strict=True)]
        return Explanation(
            item_id,
            self.funnel.titles[item_id],
            parts.score,
            {**self._grouped(parts.features), HISTORY: float(parts.history.sum())},
            parts.base,
            parts.error,
            sorted(events, key=lambda event: -event.share),
            float(parts.score - adds.sum() - error),
            error,
        )

    def scores(self, user_id: str, item_id: str, histories: Sequence[Sequence[str]]) -> np.ndarray:
        """The ranker's scores of an item for one user with several histories: float32 `[histories]`."""
        row = self.read.item_rows(tf.constant([[item_id]]))
        return np.array(
            [self._scores(self.funnel.request(user_id, history), row)[0] for history in histories]
        )

    def _asked(self, request: Request, rows: tf.Tensor) -> dict[str, tf.Tensor]:
        asked = self.stages.recall.ask(request)
        return self.stages.pairs(
            request, self.stages.recall.of(asked, rows), self.stages.recall.spread(asked), rows
        )

    def _scores(self, request: Request, rows: tf.Tensor) -> np.ndarray:
        return self.stages.ranker(self._inputs(request, rows)).numpy()[:, 0]

    def _without(self, request: Request, row: tf.Tensor, there: np.ndarray) -> np.ndarray:
        """Scores `[n]` where only the events that `there`, bool `[n, events]`, marks had happened."""
        length = request.recent.shape[1]
        kept = np.pad(there, ((0, 0), (0, length - there.shape[1])))
        found = []
        for first in range(0, len(kept), AT_ONCE):
            part = kept[first : first + AT_ONCE]
            asked = tf.nest.map_structure(partial(_repeated, count=len(part)), request)
            recent = compact(tf.where(part, asked.recent, 0), length)
            asked = asked._replace(recent=recent, known=tf.reduce_any(recent > 0, 1, keepdims=True))
            found.append(self._scores(asked, tf.repeat(row, len(part), 0)))
        return np.concatenate(found)

    def _grouped(self, features: np.ndarray) -> dict[str, float]:
        share = dict(zip(self.stages.features.names, features.tolist(), strict=True))
        return {
            group: sum(share[name] for name in ALL_GROUPS[group]) for group in self.stages.features.groups
        }

    def _event(self, item_id: str, share: float) -> EventShare:
        return EventShare(item_id, self.funnel.titles[item_id], float(share))


def _repeated(values: tf.Tensor | None, count: int) -> tf.Tensor | None:
    return None if values is None else tf.repeat(values, count, 0)
