"""How well a language model places texts that it was not taught, measured after every epoch."""

import logging
import time

import keras
import numpy as np

from tfrec.data.companions import Companions

MONITOR, ERROR = "val_mrr", "val_error"
QUESTIONS = 512  # at most, so that an examination takes little of an epoch's time

log = logging.getLogger(__name__)


class HeldOutPairs(keras.callbacks.Callback):
    """Adds figures to the logs of a `PairModel`: held-out texts are ranked by their likeness to a learned companion.

    `val_mrr` is the mean reciprocal rank; `val_error` the standard error of what it gained over `before`.

    Args:
        companions: all of them.
        held: the texts that are not learned from, bool `[texts]`; they are ranked among each other.
        rng: draws the questions where there are too many.

    Attributes:
        before: what the model measured as it was when training began.
    """

    def __init__(self, companions: Companions, held: np.ndarray, rng: np.random.Generator) -> None:
        super().__init__()
        known, new = np.flatnonzero(~held), np.flatnonzero(held)
        asked, self.answers = companions.between(known, new).nonzero()
        if len(asked) > QUESTIONS:
            chosen = np.sort(rng.choice(len(asked), QUESTIONS, replace=False))
            asked, self.answers = asked[chosen], self.answers[chosen]
        self.right = companions.between(known[asked], new)
        self.questions = [companions.texts[text] for text in known[asked]]
        self.pool = [companions.texts[text] for text in new]

    def __len__(self) -> int:
        return len(self.questions)

    def measure(self) -> np.ndarray:
        """Reciprocal ranks as they are now, float64 `[questions]`."""
        encode = self.model.encoder.encode
        return reciprocal_ranks(encode(self.questions) @ encode(self.pool).T, self.answers, self.right)

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        self.before = self.measure()
        log.info("language model, untuned: %s %.4f", MONITOR, self.before.mean())

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        seconds = time.perf_counter() - self.started
        logs = {} if logs is None else logs
        ranks = self.measure()
        gains = ranks - self.before
        logs |= {MONITOR: float(ranks.mean()), ERROR: float(gains.std() / np.sqrt(len(gains)))}
        figures = ", ".join(f"{name} {value:.4f}" for name, value in logs.items())
        log.info("language model, epoch %d: %s (%.0f s)", epoch + 1, figures, seconds)


def reciprocal_ranks(scores: np.ndarray, answers: np.ndarray, right: np.ndarray) -> np.ndarray:
    """`1 / rank` of each question's answer, float64 `[questions]`; a tie counts against it.

    Args:
        scores: float32 `[questions, pool]`.
        answers: int64 `[questions]`, columns.
        right: bool `[questions, pool]`; other right answers do not count as better.
    """
    own = np.take_along_axis(scores, answers[:, None], 1)
    wrong = ~right
    return 1 / (1 + (wrong & (scores >= own)).sum(1))
