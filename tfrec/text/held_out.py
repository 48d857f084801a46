"""How well a language model places texts that it was not taught, measured after every epoch."""

import logging
import time

import keras
import numpy as np

MONITOR, ERROR = "val_mrr", "val_error"
QUESTIONS = 512  # at most, so that an examination takes little of an epoch's time

log = logging.getLogger(__name__)


class HeldOutTexts(keras.callbacks.Callback):
    """Adds figures to the logs of a `BehaviourModel`: held-out texts are ranked by their likeness to what is asked.

    `val_mrr` is the mean reciprocal rank; `val_error` the standard error of what it gained over `before`. A subclass
    says what is asked.

    Args:
        pool: texts that are ranked among each other.
        answers: int64 `[questions]`, places in the pool.
        right: bool `[questions, pool]`, what else would be right, and does not count as better.

    Attributes:
        before: what the model measured as it was when training began.
    """

    def __init__(self, pool: list[str], answers: np.ndarray, right: np.ndarray) -> None:
        super().__init__()
        self.pool, self.answers, self.right = pool, answers, right

    def __len__(self) -> int:
        return len(self.answers)

    def asked(self) -> np.ndarray:
        """The vectors of the questions as they are now, float32 `[questions, dim]`."""
        raise NotImplementedError

    def measure(self) -> np.ndarray:
        """Reciprocal ranks as they are now, float64 `[questions]`."""
        return reciprocal_ranks(
            self.asked() @ self.model.encoder.encode(self.pool).T, self.answers, self.right
        )

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


def some_questions(count: int, rng: np.random.Generator) -> np.ndarray:
    """Numbers of at most `QUESTIONS` of so many, int64, rising."""
    if count <= QUESTIONS:
        return np.arange(count)
    return np.sort(rng.choice(count, QUESTIONS, replace=False))


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
