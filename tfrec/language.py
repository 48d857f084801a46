"""The language model of a run: the configured one, taught by behaviour where the settings say so.

Whoever encodes for a run (training, the funnel, exports, new items) takes it from `load_encoder`, which reads it from
disk: all see the same vectors.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import asdict

import keras
import numpy as np

from tfrec.config import Config
from tfrec.data.companions import Companions, find_companions
from tfrec.data.histories import Histories
from tfrec.data.moments import held_out
from tfrec.data.text_lists import TextLists, find_text_lists
from tfrec.retrieval.co_occurrence import neighbours
from tfrec.run import Run
from tfrec.text.behaviour import teach
from tfrec.text.encoder import TextEncoder
from tfrec.text.tuned_weights import load_tuned, save_tuned

log = logging.getLogger(__name__)


def tune_language(run: Run, past: Histories, texts: Sequence[str]) -> None:
    """Teaches the language model and keeps what it learned in the run, if that helps; once in a run, unless frozen.

    Args:
        run: says how, and keeps it.
        past: what every fit may know.
        texts: of every item of the catalogue.
    """
    config = run.config
    if config.text.tuning == "frozen" or run.tuning is not None:
        return
    started = time.perf_counter()
    keras.utils.set_random_seed(config.seed)
    length = min(config.tuning.length, config.text.sequence_length)
    student = TextEncoder.from_name(config.text.encoder, sequence_length=length)
    material = learning_material(past, texts, config)
    lesson = teach(student, material, config.text.tuning, config.tuning, seed=config.seed)
    log.info(
        "language model: held-out items have a mean reciprocal rank of %.4f, untuned %.4f, error of the gain %.4f: %s",
        lesson.after,
        lesson.before,
        lesson.error,
        "the tuned model is kept" if lesson.is_better else "the model stays as it was",
    )
    facts = {**asdict(lesson), "kept": lesson.is_better, "seconds": round(time.perf_counter() - started, 1)}
    run.save_tuning(facts, (lambda path: save_tuned(student, path)) if lesson.is_better else None)


def learning_material(past: Histories, texts: Sequence[str], config: Config) -> Companions | TextLists:
    """What the language model learns from.

    Lists are those of moments before the ones that ranking learns from: who has seen these answers knows more about
    them than it will about any other, and ranking would trust it too much.
    """
    if config.tuning.learn_from == "companions":
        return find_companions(past, texts)
    earlier = past.head(past.lengths - held_out(past))
    discount = config.retrieval.distance_discount
    near, _ = neighbours(earlier, len(texts), config.ranking.neighbours, distance_discount=discount)
    rng = np.random.default_rng(config.seed)
    return find_text_lists(earlier, texts, near, most=config.ranking.lists, rng=rng)


def load_encoder(run: Run) -> TextEncoder | None:
    """The language model of a run, tuned where it was tuned; None for 'none'."""
    encoder = untuned_encoder(run.config)
    if encoder is not None and run.tuning is not None and run.tuning["kept"]:
        load_tuned(encoder, run.tuned_weights)
    return encoder


def untuned_encoder(config: Config) -> TextEncoder | None:
    """The configured language model as it was published; None for 'none'."""
    if config.text.encoder == "none":
        return None
    return TextEncoder.from_name(config.text.encoder, sequence_length=config.text.sequence_length)
