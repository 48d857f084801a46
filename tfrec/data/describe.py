"""A dataset in words: what `tfrec data` prints."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np

from tfrec.data.abnormal_users import describe_abnormal
from tfrec.data.dataset import Dataset
from tfrec.data.histories import histories
from tfrec.data.item_text import count_words

PLAUSIBLE = (datetime(1980, 1, 1, tzinfo=UTC).timestamp(), datetime(2100, 1, 1, tzinfo=UTC).timestamp())


def describe(dataset: Dataset) -> str:
    """Sizes, time span, the role of each column with its reason, abnormal users, the cleaning report: plain text."""
    return "\n".join(
        [
            dataset.name,
            *(f"  {line}" for line in _sizes(dataset)),
            "columns",
            *(f"  {line}" for line in _columns(dataset)),
            "abnormal users",
            *(f"  {line}" for line in describe_abnormal(dataset)),
            "cleaning",
            *(f"  {line}" for line in str(dataset.report).splitlines()),
        ]
    )


def _sizes(dataset: Dataset) -> Iterator[str]:
    n_users, n_items, rows = len(dataset.user_ids), len(dataset.item_ids), len(dataset.interactions)
    h = histories(dataset)
    words = [count_words(text) for text in dataset.item_texts()]
    met = np.count_nonzero(h.counts(n_items))
    yield f"{n_users:,} users, {n_items:,} items ({met:,} of them met), {rows:,} interactions"
    density = len(h.item) / n_users / n_items
    yield f"{len(h.item):,} of them a user's first with an item: density {density:.3%}"
    yield f"median history {np.median(h.lengths):.0f} items, median item text {np.median(words):.0f} words"
    yield _time_span(h.time.min(), h.time.max())


def _time_span(first: float, last: float) -> str:
    if PLAUSIBLE[0] <= first and last <= PLAUSIBLE[1]:
        start, end = (datetime.fromtimestamp(time, UTC).date().isoformat() for time in (first, last))
        return f"from {start} to {end}"
    if PLAUSIBLE[0] <= first / 1000 and last / 1000 <= PLAUSIBLE[1]:
        return f"timestamps from {first:.0f} to {last:.0f} look like milliseconds; seconds are expected"
    return f"order numbers from {first:g} to {last:g}"


def _columns(dataset: Dataset) -> Iterator[str]:
    roles = {
        f"{table}.{column}": role
        for table, columns in dataset.schema.to_dict().items()
        for column, role in columns.items()
    }
    if not roles:
        yield "none beyond the ids and the timestamp"
    width = max(map(len, roles), default=0)
    for column, role in roles.items():
        yield f"{column:<{width}}  {role:<11}  {dataset.inferred.get(column, '')}".rstrip()
