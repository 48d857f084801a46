"""How well a language model places texts that it was not taught, measured after every epoch."""

import logging
import time

import keras
import numpy as np

from tfrec.data.companions import Companions

MONITOR = "val_mrr"
QUESTIONS = 512  # at most, so that an examination takes little of an epoch's time

log = logging.getLogger(__name__)


class HeldOutPairs(keras.callbacks.Callback):
    """Adds `val_mrr` to the logs of a `PairModel`: held-out texts are ranked by their likeness to a learned companion.

    Args:
        companions: all of them.
        held: the texts that are not learned from, bool `[texts]`; they are ranked among each other.
        rng: draws the questions where there are too many.

    Attributes:
        before: the figure of the model as it was when training began.
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

    def measure(self) -> float:
        """The mean reciprocal rank, in (0, 1]."""
        encode = self.model.encoder.encode
        return float(
            reciprocal_ranks(encode(self.questions) @ encode(self.pool).T, self.answers, self.right).mean()
        )

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        self.before = self.measure()
        log.info("language model, untuned: %s %.4f", MONITOR, self.before)

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        seconds = time.perf_counter() - self.started
        logs = {} if logs is None else logs
        logs[MONITOR] = self.measure()
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
