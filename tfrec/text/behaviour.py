"""Teaches a text encoder by behaviour: texts of items that keep company come close, also of items not seen yet.

What is learned from is a course: pairs of companions, or lists of what came next among what might have. A tenth of the
texts is held out; how well these are found by what was learned decides which epoch is kept, and whether any is.
"""

import logging
import warnings
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from tfrec.config import TuningConfig
from tfrec.data.companions import Companions
from tfrec.data.text_lists import TextLists
from tfrec.text.encoder import TextEncoder
from tfrec.text.held_out import ERROR, MONITOR
from tfrec.text.list_course import ListCourse
from tfrec.text.pair_course import PairCourse
from tfrec.text.tuning import apply_tuning

PATIENCE = 3  # epochs
RATES = {"lora": 1e-3, "top": 1e-4, "full": 2e-5}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Lesson:
    """What became of tuning.

    Attributes:
        trained: weights that were open (scalars), of all `weights`.
        before, after: mean reciprocal rank of held-out texts, untuned and after the best epoch.
        error: the standard error of `after - before`.
        epochs: how many were run; 0 = there was too little to learn from.
    """

    trained: int
    weights: int
    before: float = 0.0
    after: float = 0.0
    error: float = 0.0
    epochs: int = 0

    @property
    def is_better(self) -> bool:
        """Whether tuning helped with texts that it had not seen by more than chance, which has the best of some
        epochs on its side."""
        return self.after > self.before + 2 * self.error


def teach(
    encoder: TextEncoder, material: Companions | TextLists, how: str, config: TuningConfig, *, seed: int
) -> Lesson:
    """Tunes an encoder; it keeps the weights of its best epoch, which need not be better than none.

    Args:
        encoder: changed in place.
        material: what may be learned from.
        how: "top", "lora" or "full", as `apply_tuning` reads it.
        config: settings.
        seed: of what is held out and of the batches; weights and dropout follow `keras.utils.set_random_seed`.
    """
    trained = apply_tuning(encoder, how, rank=config.rank, layers=config.layers)
    weights = encoder.count_params()
    log.info("language model: %s trains %s of %s parameters", how, f"{trained:,}", f"{weights:,}")
    rng = np.random.default_rng(seed)
    course = PairCourse(material, rng) if isinstance(material, Companions) else ListCourse(material, rng)
    if not len(course.exam) or course.pairs < 2:
        log.warning("language model: too few items follow each other to learn from: it stays as it is")
        return Lesson(trained, weights)
    figures = _fit(encoder, course, config, RATES[how]).history
    best = int(np.argmax(figures[MONITOR]))
    after, error = figures[MONITOR][best], figures[ERROR][best]
    return Lesson(trained, weights, float(course.exam.before.mean()), after, error, len(figures[MONITOR]))


def _fit(
    encoder: TextEncoder, course: PairCourse | ListCourse, config: TuningConfig, rate: float
) -> keras.callbacks.History:
    batch = min(max(2, config.batch * PairCourse.reads // course.reads), course.pairs)
    model = course.model(encoder, xla=config.xla)
    optimizer = keras.optimizers.Adam(config.learning_rate or rate, global_clipnorm=1.0)
    model.compile(optimizer=optimizer, jit_compile=False)
    stop = keras.callbacks.EarlyStopping(MONITOR, mode="max", patience=PATIENCE, restore_best_weights=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*shuffle=True", category=UserWarning)  # the batches do it
        return model.fit(
            course.batches(token_table(encoder, course.texts), batch),
            epochs=config.epochs,
            steps_per_epoch=min(config.steps, course.pairs // batch),
            verbose=0,
            callbacks=[course.exam, stop],
        )


def token_table(encoder: TextEncoder, texts: list[str]) -> np.ndarray:
    """Token ids of all texts, int32 `[texts, sequence_length]`: one width for all, so that a step is compiled once."""
    table = np.full((len(texts), encoder.sequence_length), encoder.tokenizer.pad_token_id, np.int32)
    for first in range(0, len(texts), 1024):
        tokens = encoder.tokenize(tf.constant(texts[first : first + 1024]))[0].numpy()
        table[first : first + 1024, : tokens.shape[1]] = tokens
    return table
