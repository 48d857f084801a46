"""What is known of a query beyond its history: who the user is, and the moment of asking.

Profiles are the columns of the users table. A moment's *context* is what an interaction's columns with that role say of
it, and perhaps its time: it belongs to the event that is to be predicted, since it is known when a request arrives.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tfrec.data.columns import as_role
from tfrec.data.dataset import Dataset, DatasetError
from tfrec.data.describe import PLAUSIBLE
from tfrec.data.histories import Histories
from tfrec.data.item_content import ItemContent, learn_columns, learn_content
from tfrec.schema import Role

FEW = 64  # whole numbers of no more different values are names: an hour, a weekday, a shop
HOUR, WEEKDAY, GAP = "time.hour", "time.weekday", "time.gap"
TIME_ROLES = dict.fromkeys((HOUR, WEEKDAY, GAP), Role.CATEGORICAL)
DAY, TINY = 86400, 1e-9  # seconds; what a logarithm may miss a power of two by

log = logging.getLogger(__name__)


class Context(NamedTuple):
    """What is known of some moments; zeros where nothing is.

    Attributes:
        content: float32 `[…, content_dim]`.
        category: int32 `[…, slots]`.
    """

    content: Any
    category: Any


@dataclass(frozen=True, eq=False)
class UserSide:
    """Content of users and of interactions, each None where there is nothing to know.

    Args:
        profile: by user row (user + 1).
        context: by row of the interactions table + 1; row 0 is a moment of which nothing is known.
    """

    profile: ItemContent | None = None
    context: ItemContent | None = None

    @property
    def knows_more(self) -> bool:
        """Whether a user without any event may be told from another."""
        return self.profile is not None or self.context is not None

    def context_of(self, event: np.ndarray) -> Context | None:
        """The context of interactions (int `[n]`, -1 = of no interaction); None where no dataset column tells one."""
        if self.context is None:
            return None
        return Context(self.context.table[event + 1], self.context.category[event + 1])


NOTHING_MORE = UserSide()


def learn_user_side(
    dataset: Dataset, h: Histories, text_vectors: np.ndarray | None, *, time: bool = False
) -> UserSide:
    """Learns what the users' columns and the context of the interactions are.

    Args:
        dataset: the tables.
        h: its histories, whole; they tell how long after the one before an interaction came.
        text_vectors: float32 `[users, text_dim]`, of `Dataset.user_texts`; None where there are none.
        time: whether hour, weekday and the time since the event before are context.

    Raises:
        DatasetError: `time` is asked of timestamps that are no unix seconds.
    """
    profile = learn_content(dataset, text_vectors, table="users")
    rows, roles = context_columns(dataset)
    _tell_what_was_inferred(dataset, list(roles))
    if time:
        check_unix_seconds(h.time)
        rows, roles = rows.assign(**time_columns(dataset, h)), {**roles, **TIME_ROLES}
    context = learn_columns(rows, roles) if roles else None
    return UserSide(_or_none(profile), context and _or_none(context))


def context_columns(dataset: Dataset) -> tuple[pd.DataFrame, dict[str, Role]]:
    """The context columns of the interactions, and whether each is a number or categories."""
    columns = {
        column: dataset.interactions[column]
        for column in dataset.schema.columns("interactions", Role.CONTEXT)
    }
    roles = {column: context_kind(values) for column, values in columns.items()}
    formed = {column: as_role(values, roles[column], "interactions")[0] for column, values in columns.items()}
    return pd.DataFrame(formed, index=dataset.interactions.index), roles


def context_kind(values: pd.Series) -> Role:
    """Number or categorical: words are categories, and so are whole numbers of few different values."""
    if pd.api.types.is_datetime64_any_dtype(values):
        return Role.NUMBER
    if not pd.api.types.is_numeric_dtype(values):
        return Role.CATEGORICAL
    known = values.dropna().unique()
    return Role.CATEGORICAL if len(known) <= FEW and (known == np.floor(known)).all() else Role.NUMBER


def time_columns(dataset: Dataset, h: Histories) -> dict[str, list[str]]:
    """Hour of the day (UTC), weekday (0 = Monday) and the gap since the user's event before, of each row, in words.

    A gap counts in powers of two of seconds: a model that is linear in it would be lost beyond the gaps it has met.
    """
    seconds = dataset.interactions["timestamp"].to_numpy(np.float64)
    gap = np.full(len(seconds), np.nan)
    later = h.place > 0
    gap[h.event[later]] = np.diff(h.time, prepend=0.0)[later]
    power = np.floor(np.log(1 + gap) / np.log(2) + TINY)
    # the first day was a Thursday
    columns = {HOUR: seconds % DAY // 3600, WEEKDAY: (seconds // DAY + 3) % 7, GAP: power}
    return {name: ["" if np.isnan(v) else str(int(v)) for v in values] for name, values in columns.items()}


def check_unix_seconds(times: np.ndarray) -> None:
    """Raises DatasetError for times that are no unix seconds of these decades."""
    if len(times) and not (PLAUSIBLE[0] <= times.min() and times.max() <= PLAUSIBLE[1]):
        raise DatasetError(
            "`retrieval.time` needs timestamps in unix seconds. "
            f"Received: {times.min():g} to {times.max():g}. Convert them, or set retrieval.time=false."
        )


def _tell_what_was_inferred(dataset: Dataset, columns: list[str]) -> None:
    """An outcome that is taken for context would tell a model the answer, in training and in evaluation alike."""
    guessed = [
        column
        for column in columns
        if "schema.yaml" not in dataset.inferred.get(f"interactions.{column}", "")
    ]
    if guessed:
        log.warning(
            "context, as inferred: %s. If one of them is not known when a request arrives, give it the role "
            "'label' or 'ignore' in schema.yaml.",
            ", ".join(guessed),
        )


def _or_none(content: ItemContent) -> ItemContent | None:
    return content if content.spec.content_dim or content.spec.vocabulary else None
