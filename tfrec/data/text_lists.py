"""What ranking is asked, as texts: those of a history, of what came next, and of what might have come instead.

Items with equal text are one text, as in `tfrec.data.companions`; items without text are none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_matrix

from tfrec.data.companions import MOST, SHARE
from tfrec.data.histories import Histories
from tfrec.data.moments import Moments, history_rows

EVENTS, RIVALS = 3, 4  # texts read of a history; of what might have come instead
NONE = -1


@dataclass(frozen=True, eq=False)
class TextLists:
    """Moments of the past, as texts.

    Args:
        texts: no text twice.
        history: int32 `[lists, events]`, numbers of texts, oldest first; `NONE` where there is none.
        candidates: int32 `[lists, list]`, what came next in column 0, then others; `NONE` where there is none.
        user: int32 `[lists]`.
        met: bool `[users, texts]`, who has met what, before or after: it is nobody's rival there.
    """

    texts: list[str]
    history: np.ndarray
    candidates: np.ndarray
    user: np.ndarray
    met: csr_matrix

    def __len__(self) -> int:
        return len(self.user)

    @property
    def answers(self) -> np.ndarray:
        """What came next, int32 `[lists]`."""
        return self.candidates[:, 0]

    def take(self, chosen: np.ndarray) -> TextLists:
        """Some of them, by number or bool `[lists]`."""
        parts = {name: getattr(self, name)[chosen] for name in ("history", "candidates", "user")}
        return replace(self, **parts)

    def hold_out(self, rng: np.random.Generator) -> np.ndarray:
        """Random texts to measure on what was never learned: a tenth of those that came next, bool `[texts]`."""
        some, held = np.unique(self.answers), np.zeros(len(self.texts), bool)
        held[rng.choice(some, min(int(np.ceil(len(some) * SHARE)), MOST), replace=False)] = True
        return held

    def without(self, left_out: np.ndarray) -> TextLists:
        """The lists in whose answers no text stands that `left_out`, bool `[texts]`, marks, and those nowhere."""
        return self.take(~left_out[self.answers]).unread(left_out)

    def unread(self, left_out: np.ndarray) -> TextLists:
        """The same answers; texts that `left_out` marks stand in no history and are no others, and without any history
        there is no list."""
        history = _without(self.history, left_out)
        others = _without(self.candidates[:, 1:], left_out)
        lists = replace(
            self, history=history, candidates=np.concatenate([self.candidates[:, :1], others], axis=1)
        )
        return lists.take((history != NONE).any(1))


def find_text_lists(
    past: Histories, texts: Sequence[str], near: np.ndarray, *, most: int, rng: np.random.Generator
) -> TextLists:
    """Lists of random moments: the newest events, what came next, and items that keep company with these events.

    Args:
        past: what may be learned from.
        texts: of every item of the catalogue.
        near: int32 `[items + 1, k]`, rows of the items that keep company with each row, 0 = none.
        most: how many moments.
        rng: draws.
    """
    unique, code = np.unique(np.array(texts, dtype=object), return_inverse=True)
    coded = np.append(NONE, np.where(unique[code] == "", NONE, code)).astype(np.int32)  # by row
    said = coded[past.item + 1] != NONE
    past = past.keep(said)
    places = np.flatnonzero(past.place >= 1)
    places = np.sort(rng.permutation(places)[:most])
    moments = Moments(past.user[places], past.place[places], past.item[places] + 1)
    rows = history_rows(past, moments, EVENTS)
    drawn = rng.permuted(near[rows].reshape(len(rows), EVENTS * near.shape[1]), axis=1)
    ones, codes = np.ones(len(past.item), bool), coded[past.item + 1]
    met = csr_matrix((ones, (past.user, codes)), shape=(len(past), len(unique)))
    others = _first_new(coded[drawn], met[moments.user], RIVALS)
    candidates = np.concatenate([coded[moments.row][:, None], others], axis=1)
    return TextLists(unique.tolist(), coded[rows], candidates, moments.user, met)


def _first_new(drawn: np.ndarray, met: csr_matrix, count: int) -> np.ndarray:
    """The first `count` of `drawn` texts int32 `[lists, n]` that the user of the list has not `met`, each once."""
    found = np.full((len(drawn), count), NONE, np.int32)
    for line, texts in enumerate(drawn):
        known = met.indices[met.indptr[line] : met.indptr[line + 1]]
        new = [text for text in dict.fromkeys(texts.tolist()) if text != NONE and text not in known]
        found[line, : len(new[:count])] = new[:count]
    return found


def _without(texts: np.ndarray, left_out: np.ndarray) -> np.ndarray:
    return np.where((texts != NONE) & left_out[texts], NONE, texts).astype(np.int32)
