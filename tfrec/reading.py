"""The cross-encoder of a run: what it reads, what it has learned, how much of it there is time for."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec.config import ReadingConfig, StepName
from tfrec.data.dataset import texts_of
from tfrec.data.histories import Histories
from tfrec.generative import likelihood_reading
from tfrec.reranking.cross_encoder import CrossEncoder
from tfrec.reranking.cross_fit import fit_cross_encoder, fit_gain, read_slates
from tfrec.reranking.language_step import LanguageReading
from tfrec.reranking.pair_text import PairText
from tfrec.reranking.slates import Slates
from tfrec.run import Run
from tfrec.text.encoder import TextEncoder
from tfrec.text.tuned_weights import load_tuned, save_tuned

log = logging.getLogger(__name__)
TRIALS = 5


def make_reader(
    encoder: TextEncoder, texts: Sequence[str], settings: ReadingConfig, *, profiles: Sequence[str] = ()
) -> CrossEncoder:
    """A cross-encoder that has learned nothing yet, over the texts of a catalogue.

    Args:
        encoder: the language model whose weights it takes; it must not be read by others once these are tuned.
        texts: of every item.
        settings: what of a pair is read.
        profiles: of every known user; where all are empty, none is read.
    """
    marks = (encoder.tokenizer.start_token_id, encoder.tokenizer.end_token_id)
    known = _table(encoder, profiles, settings.profile_tokens)
    text = PairText(
        _table(encoder, texts, settings.tokens),
        marks,
        events=settings.events,
        event_tokens=settings.event_tokens,
        profiles=known if known.any() else None,
    )
    return CrossEncoder(encoder.backbone, text, tokenizer=encoder.tokenizer, name="cross_encoder")


def _table(encoder: TextEncoder, texts: Sequence[str], width: int) -> np.ndarray:
    """The first tokens of texts, int32 `[1 + texts, width]`; row 0 is empty."""
    found = encoder.pieces(tf.constant(["", *texts], tf.string))[:, :width]
    return found.to_tensor(0, shape=[None, width]).numpy()


def train_reader(run: Run, past: Histories, texts: Sequence[str]) -> None:
    """Tunes the cross-encoder by LoRA and keeps what it learned in the run: once, where the settings ask for it.

    Args:
        run: says how, and keeps it.
        past: what it may learn from.
        texts: of every item of the catalogue.
    """
    settings = run.config.reading
    if not settings.milliseconds or run.reader_weights.is_file():
        return
    started = time.perf_counter()
    keras.utils.set_random_seed(run.config.seed)
    encoder = TextEncoder.from_name(run.config.text.encoder)
    encoder.backbone.enable_lora(settings.rank)
    reader = make_reader(encoder, texts, settings, profiles=_profiles(run, settings))
    fit_cross_encoder(reader, past, settings, seed=run.config.seed)
    run.save_reader(lambda path: save_tuned(reader, path))
    log.info("cross-encoder: trained in %.0f s", time.perf_counter() - started)


def load_reader(run: Run, texts: Sequence[str]) -> CrossEncoder | None:
    """The cross-encoder of a run over the texts of a catalogue; None where the run has none."""
    if not run.reader_weights.is_file():
        return None
    encoder, settings = TextEncoder.from_name(run.config.text.encoder), read_by(run)
    reader = make_reader(encoder, texts, settings, profiles=_profiles(run, settings))
    load_tuned(reader, run.reader_weights)
    return reader


def _profiles(run: Run, settings: ReadingConfig) -> list[str]:
    """A text of each known user's columns, where it is read."""
    return texts_of(run.users, run.schema.users) if settings.profile_tokens else []


def read_by(run: Run) -> ReadingConfig:
    """The settings that a run's cross-encoder was trained with: one from before profile and free text were read has
    never met any, and its word would be another with them."""
    written = run.facts()["config"].get("reading", {})
    unmet = {name: 0 for name in ("profile_tokens", "text_tokens") if name not in written}
    return run.config.reading.model_copy(update=unmet)


def read_as_teacher(run: Run, reader: CrossEncoder, slates: Slates) -> np.ndarray:
    """The scores of ranking and the cross-encoder together, float32 `[slates, n]`, NaN where it has read nothing.

    It reads the first candidates of some slates whose answer is among these. What its word is worth is found in the
    first fit, and kept in the run: its moments come after all that it has learned from.
    """
    settings = run.config.reading
    head = slates.head(settings.pairs)
    chosen = np.flatnonzero(head.answered)
    chosen = np.random.default_rng(run.config.seed).permutation(chosen)[: settings.slates]
    logits = read_slates(reader, head.take(chosen))
    if run.reader_gain is None:
        run.save_reader_gain(fit_gain(head.take(chosen), logits))
    scores = np.full(slates.rows.shape, np.nan, np.float32)
    present = head.labels[chosen] >= 0
    said = head.ranking[chosen] + run.reader_gain * logits
    scores[chosen, : head.rows.shape[1]] = np.where(present, said, np.nan)
    log.info("cross-encoder: %d slates read; a logit is worth %.2f of ranking", len(chosen), run.reader_gain)
    return scores


def load_readings(
    run: Run, tables: Sequence[pd.DataFrame], titles: Sequence[str], *, timed: bool = False
) -> dict[StepName, LanguageReading]:
    """The steps of re-ranking in which a language model reads candidates, by name; those that there are.

    Args:
        run: with what was learned.
        tables: of the items, which together are the catalogue.
        titles: of every item.
        timed: whether the cross-encoder reads no more pairs than this machine has time for.

    Raises:
        GenerativeModelNotFound: the settings name a generative model that there is not.
    """
    steps: dict[StepName, LanguageReading | None] = {
        "cross_encoder": cross_reading(run, tables, timed=timed),
        "likelihood": likelihood_reading(run.config, titles),
    }
    return {name: step for name, step in steps.items() if step is not None}


def cross_reading(run: Run, tables: Sequence[pd.DataFrame], *, timed: bool = False) -> LanguageReading | None:
    """The cross-encoder of a run as a step of re-ranking; None where there is none, or it has nothing to say.

    Args:
        run: with what it has learned.
        tables: of the items, which together are the catalogue.
        timed: whether it reads no more pairs than this machine has time for.
    """
    gain, settings = run.reader_gain, read_by(run)
    if not gain:
        return None
    reader = load_reader(run, [text for table in tables for text in texts_of(table, run.schema.items)])
    if reader is None:
        return None
    pairs = affordable_pairs(reader, settings) if timed else settings.pairs
    tokens = free_text_tokens(reader.tokenizer, settings.text_tokens) if settings.text_tokens else None
    return LanguageReading(reader, gain, pairs, tokens) if pairs > 1 else None


def free_text_tokens(tokenizer: Any, width: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """What turns free texts string `[batch]` into their first tokens, int32 `[batch, width]`, 0 = none."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def tokens(texts: tf.Tensor) -> tf.Tensor:  # out of a graph KerasHub gives lists
        return tokenizer(texts)[:, :width].to_tensor(0, shape=[None, width])

    return tokens


def affordable_pairs(reader: CrossEncoder, settings: ReadingConfig) -> int:
    """How many pairs, with a free text, this machine reads in the milliseconds of the settings, at most `pairs`.

    Half of these are timed.
    """
    milliseconds, most = settings.milliseconds, settings.pairs
    read = tf.function(reader.score, autograph=False)
    tokens = tf.fill([max(most // 2, 1), reader.text.width(settings.text_tokens)], 1)
    seconds = []
    for _ in range(TRIALS + 1):
        started = time.perf_counter()
        read(tokens, tf.zeros_like(tokens)).numpy()
        seconds.append(time.perf_counter() - started)
    pair = float(np.median(seconds[1:])) * 1e3 / len(tokens)
    log.info("cross-encoder: %.1f ms a pair on this machine", pair)
    return min(int(milliseconds / pair), most)
