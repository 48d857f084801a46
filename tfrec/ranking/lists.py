"""The ranker's training lists: what recall, which has not seen their answers, says at moments of the past."""

from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf

from tfrec.data.histories import Histories
from tfrec.data.moments import Moments, history_rows
from tfrec.data.user_side import NOTHING_MORE, Context, UserSide
from tfrec.data.worth import Worth
from tfrec.ranking.features import PairFeatures
from tfrec.ranking.random_candidates import draw_others
from tfrec.retrieval.interests import largest
from tfrec.retrieval.lookup import compact
from tfrec.retrieval.retriever import Retriever, evidence

BATCH = 128
MASKED = -1.0


@dataclass(frozen=True, eq=False)
class TrainingLists:
    """What recall answered at moments of the past, and whether it was what came next.

    Args:
        inputs: `features` float32 `[lists, list, features]`, `candidates` int32 `[lists, list]`, `history` int32
            `[lists, length]`; where random candidates stand beside recall's, also `correction` float32 `[lists, list]`,
            what losses add to scores (`tfrec.ranking.random_candidates`).
        labels: float32 `[lists, list]`, above 0 for the item that came next (1, or its grade), negative where the list
            is shorter.
        weight: float32 `[lists]`, what the loss of each counts; by default 1.
        random: how many of the last places hold random candidates.
    """

    inputs: dict[str, np.ndarray]
    labels: np.ndarray
    weight: np.ndarray = None  # type: ignore[assignment]
    random: int = 0

    def __post_init__(self) -> None:
        if self.weight is None:
            object.__setattr__(self, "weight", np.ones(len(self.labels), np.float32))

    @property
    def answered(self) -> np.ndarray:
        """Which lists hold what came next, bool `[lists]`: only these teach an order."""
        return np.asarray((self.labels > 0).any(axis=1))

    def take(self, chosen: np.ndarray) -> "TrainingLists":
        """Some of them, by number or bool `[lists]`."""
        inputs = {name: values[chosen] for name, values in self.inputs.items()}
        return TrainingLists(inputs, self.labels[chosen], self.weight[chosen], self.random)

    def of_recall(self) -> "TrainingLists":
        """Without the random candidates: lists as they are when requests are served."""
        if not self.random:
            return self
        whole = {name: values for name, values in self.inputs.items() if name != "correction"}
        cut = {
            name: values if name == "history" else values[:, : -self.random] for name, values in whole.items()
        }
        return TrainingLists(cut, self.labels[:, : -self.random], self.weight)

    def with_more(self, more: "TrainingLists") -> "TrainingLists":
        """These and more lists of the same sizes."""
        inputs = {name: np.concatenate([values, more.inputs[name]]) for name, values in self.inputs.items()}
        labels, weight = (
            np.concatenate([getattr(lists, name) for lists in (self, more)]) for name in ("labels", "weight")
        )
        return TrainingLists(inputs, labels, weight, self.random)


def make_lists(
    retriever: Retriever,
    features: PairFeatures,
    full: Histories,
    moments: Moments,
    *,
    candidates: int,
    length: int,
    mask_seen: bool = True,
    side: UserSide = NOTHING_MORE,
    unknown: np.ndarray | None = None,
    worth: Worth | None = None,
    random: int = 0,
    random_seed: int = 0,
) -> TrainingLists:
    """Asks the retriever at every moment.

    Args:
        retriever, features: made without the interactions that the moments ask for.
        full: histories with these interactions.
        moments: of `full`.
        candidates: list size.
        length: newest events read.
        mask_seen: whether the user's earlier items are left out of the list.
        side: what is known of the moments.
        unknown: bool `[items]`, items that are not read as events, though masked once seen; None = none.
        worth: grades and weights of what came next; None = all the same.
        random: further candidates, drawn among the items with interactions that recall did not bring.
        random_seed: of their drawing.
    """
    unread = tf.constant(
        np.append(False, np.zeros(retriever.items - 1, bool) if unknown is None else unknown)
    )

    warm, random = retriever.model.candidate.warm.value > 0, min(random, retriever.items - 1)

    @tf.function(reduce_retracing=True, autograph=False)
    def ask(
        earlier: tf.Tensor, user: tf.Tensor, context: Context | None, answer: tf.Tensor, seed: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        history = compact(tf.where(tf.gather(unread, earlier), 0, earlier), length)
        seen = earlier if mask_seen else tf.zeros_like(user)[:, None]
        scores = retriever.by_interest(history, user, context)
        rows = retriever.best(scores, retriever.mask(seen), candidates).rows
        correction = tf.zeros([tf.shape(rows)[0], 0])
        if random:
            others = warm & ~retriever.mask(tf.concat([seen, rows, answer[:, None]], 1))
            drawn, shift = draw_others(others, random, seed)
            correction = tf.concat([tf.zeros(tf.shape(rows)), shift], 1)
            rows = tf.concat([rows, drawn], 1)
        said = retriever.side_evidence(user, context, rows) if features.reads_side else None
        return features(history, rows, evidence(largest(scores), rows), said), rows, history, correction

    kept: list[tuple[np.ndarray, ...]] = []
    for first in range(0, max(1, len(moments)), BATCH):  # once also for none: the shapes are those of no list
        part = moments.take(slice(first, first + BATCH))
        context = side.context_of(part.event)
        seed = tf.constant([random_seed, first])
        told = ask(history_rows(full, part), part.user + 1, context, tf.constant(part.row, tf.int32), seed)
        kept.append((*(t.numpy() for t in told), part.row))
    values, rows, history, correction, answers = (
        np.concatenate(column) for column in zip(*kept, strict=True)
    )
    labels = np.where(rows == 0, MASKED, rows == answers[:, None]).astype(np.float32)
    inputs = {"features": values, "candidates": rows, "history": history}
    inputs |= {"correction": correction} if random else {}
    lists = TrainingLists(inputs, labels, random=random)
    return lists if worth is None else _with_worth(lists, worth, moments.event + 1)


def _with_worth(lists: TrainingLists, worth: Worth, event: np.ndarray) -> TrainingLists:
    """The lists with the grades and weights of what came next, by rows of the interactions table + 1."""
    labels = np.where(lists.labels > 0, worth.grade[event][:, None], lists.labels)
    return replace(lists, labels=labels, weight=worth.weight[event])
