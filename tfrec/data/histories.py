"""Every user's items from oldest to newest, flat, in numpy: the form in which interactions leave the tables.

`histories` makes them from a `Dataset`, `tfrec.data.splits` cuts them, models read them as rows (`tail_rows`
for a user's newest items, `training_windows` for sequences to learn from). A *position* p counts the
catalogue from 0; a *row* is p + 1, and row 0 means padding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from scipy.sparse import csr_matrix

if TYPE_CHECKING:
    from tfrec.data.dataset import Dataset

Repeats = Literal["first", "keep"]


@dataclass(frozen=True, eq=False)
class Histories:
    """Sequences of all users in one array; user u owns `item[start[u]:start[u + 1]]`.

    Args:
        item: int32 `[interactions]`, positions in the catalogue.
        start: int64 `[users + 1]`.
        time: float64 `[interactions]`, seconds or order numbers, never falling within a user.
        event: int32 `[interactions]`, the row of the interactions table that each one is; by default 0, 1, 2 …
    """

    item: np.ndarray
    start: np.ndarray
    time: np.ndarray
    event: np.ndarray = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.event is None:
            object.__setattr__(self, "event", np.arange(len(self.item), dtype=np.int32))
        if not len(self.item) == len(self.time) == self.start[-1]:
            raise ValueError(
                "`item` and `time` must be as long as `start` ends. "
                f"Received: {len(self.item)} items, {len(self.time)} times, start[-1] = {self.start[-1]}"
            )

    def __len__(self) -> int:
        return len(self.start) - 1

    def of(self, user: int) -> np.ndarray:
        """One user's positions, int32 `[n]`."""
        return self.item[self.start[user] : self.start[user + 1]]

    @property
    def lengths(self) -> np.ndarray:
        """Interactions of each user, int64 `[users]`."""
        return np.diff(self.start)

    @property
    def user(self) -> np.ndarray:
        """The user of each interaction, int32 `[interactions]`."""
        return np.repeat(np.arange(len(self), dtype=np.int32), self.lengths)

    @property
    def place(self) -> np.ndarray:
        """How many interactions the user had before this one, int64 `[interactions]`."""
        return np.arange(len(self.item)) - np.repeat(self.start[:-1], self.lengths)

    @property
    def pairs(self) -> np.ndarray:
        """One number for each (user, item), as `pair_codes` gives, int64 `[interactions]`."""
        return pair_codes(self.user, self.item)

    def counts(self, n_items: int) -> np.ndarray:
        """Interactions with each item, int64 `[n_items]`."""
        return np.bincount(self.item, minlength=n_items).astype(np.int64)

    def matrix(self, n_items: int) -> csr_matrix:
        """Binary float32 `[users, n_items]`; a repeated item is still 1."""
        ones = np.ones(len(self.item), np.float32)
        # a copy: summing duplicates sorts the indices in place
        binary = csr_matrix((ones, self.item.copy(), self.start), shape=(len(self), n_items))
        binary.sum_duplicates()
        binary.data[:] = 1
        return binary

    def without(self, hidden: np.ndarray) -> Histories:
        """The same users without the items that `hidden`, bool `[n_items]`, marks."""
        return self.keep(~hidden[self.item])

    def head(self, cut: np.ndarray) -> Histories:
        """The first `cut[u]` items of every user u; `cut` is int `[users]`."""
        return self.keep(self.place < np.repeat(cut, self.lengths))

    def keep(self, kept: np.ndarray) -> Histories:
        """The interactions that `kept`, bool `[interactions]`, marks; every user stays, perhaps with none."""
        before = np.concatenate([[0], np.cumsum(kept)])
        return Histories(self.item[kept], before[self.start], self.time[kept], self.event[kept])

    def tail_rows(self, length: int) -> np.ndarray:
        """Everybody's last `length` items: ROWS int32 `[users, length]`, oldest first, zeros at the right."""
        lengths = np.minimum(self.lengths, length)
        return _left_aligned_rows(self.item, self.start[1:] - lengths, lengths, length)

    def has_repeats(self) -> bool:
        """Whether some user meets an item more than once."""
        return bool((np.diff(np.sort(self.pairs)) == 0).any())

    def holds(self, user: np.ndarray, item: np.ndarray) -> np.ndarray:
        """Whether `user[i]` has met `item[i]`, bool `[n]`."""
        known, asked = np.sort(self.pairs), pair_codes(user, item)
        place = np.searchsorted(known, asked)
        return np.append(known, -1)[place] == asked

    def distinct(self) -> np.ndarray:
        """How many different items each user has met, int64 `[users]`."""
        # sorting beats np.unique here by 100: its hash table clogs on these codes
        known = np.sort(self.pairs)
        return np.bincount(known[np.diff(known, prepend=-1) > 0] >> 32, minlength=len(self))


def histories(dataset: Dataset, repeats: Repeats = "first") -> Histories:
    """The sequences of a dataset's users, in the order of `dataset.user_ids`.

    Args:
        dataset: interactions in stable time order.
        repeats: "first" counts only a user's first interaction with an item, "keep" counts all.
    """
    check_repeats(repeats)
    user, item, time = dataset.coded_interactions()
    event = np.arange(len(user), dtype=np.int32)
    if repeats == "first":
        _, first = np.unique(pair_codes(user, item), return_index=True)
        event = np.sort(first).astype(np.int32)
    event = event[np.argsort(user[event], kind="stable")]
    start = np.concatenate([[0], np.cumsum(np.bincount(user[event], minlength=len(dataset.user_ids)))])
    return Histories(item[event].astype(np.int32), start.astype(np.int64), time[event], event)


class Windows(NamedTuple):
    """Pieces of users' sequences to learn from.

    Attributes:
        rows: item ROWS int32 `[windows, length + 1]`, zeros at the right.
        user: the user of each window, int32 `[windows]`.
        events: rows of the interactions table + 1, int32 `[windows, length + 1]`, zeros at the right.
        is_first: whether a window begins with its user's first interaction, bool `[windows]`.
    """

    rows: np.ndarray
    user: np.ndarray
    events: np.ndarray
    is_first: np.ndarray


def training_windows(h: Histories, length: int, *, least: int = 2) -> Windows:
    """Cuts every user's sequence in windows of `length + 1` items; each step t → t + 1 is in exactly one.

    Neighbouring windows of a user share one item. They are cut from the newest item backwards, so that the
    one short window of a user is the oldest, and the newest items are learned with their full context.

    Args:
        h: the sequences.
        length: steps of a window.
        least: users with fewer items give none; 1 where the first item is something to learn too.
    """
    if length < 1:
        raise ValueError(f"`length` must be at least 1. Received: {length}")
    windows = np.where(h.lengths < least, 0, np.maximum(-(-(h.lengths - 1) // length), least == 1))
    owner = np.repeat(np.arange(len(h)), windows)
    from_newest = np.repeat(np.cumsum(windows), windows) - np.arange(len(owner)) - 1
    stop = h.start[owner + 1] - from_newest * length
    first = np.maximum(stop - length - 1, h.start[owner])
    rows, events = (
        _left_aligned_rows(values, first, stop - first, length + 1) for values in (h.item, h.event)
    )
    return Windows(rows, owner.astype(np.int32), events, first == h.start[owner])


def check_repeats(repeats: str) -> None:
    """Raises ValueError for anything but "first" and "keep"."""
    if repeats not in ("first", "keep"):
        raise ValueError(f"`repeats` must be 'first' or 'keep'. Received: {repeats!r}")


def pair_codes(user: np.ndarray, item: np.ndarray) -> np.ndarray:
    """One int64 for each (user, item): the user in the upper half."""
    return user.astype(np.int64) << 32 | item.astype(np.int64)


def _left_aligned_rows(values: np.ndarray, first: np.ndarray, lengths: np.ndarray, width: int) -> np.ndarray:
    """`values[first[i]:first[i] + lengths[i]] + 1` as line i of a zero-padded int32 `[n, width]`."""
    rows = np.zeros((len(first), width), np.int32)
    filled = np.arange(width) < lengths[:, None]
    ends = np.cumsum(lengths)
    within = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - lengths, lengths)
    rows[filled] = values[np.repeat(first, lengths) + within] + 1
    return rows
