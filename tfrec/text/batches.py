"""Encoding many texts: alike lengths together, each batch padded to its own longest text.

Two batches are on their way at a time: between two ops of the one, the other keeps the cores busy. Batches are small,
so that what passes from op to op stays in a core's cache.

XLA was tried and left out: a batch takes as long as in the plain graph on a CPU (16 to 128 tokens, MiniLM),
and every padded length is compiled anew for 2 to 5 seconds.
"""

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf
from rich.progress import track

if TYPE_CHECKING:
    from tfrec.text.encoder import TextEncoder

BATCH, AT_ONCE = 16, 2

log = logging.getLogger(__name__)


def encode_in_steps(
    encoder: "TextEncoder", texts: Sequence[str], *, batch: int = BATCH, progress: bool = False
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield `(places int64 [b], vectors float32 [b, dim])` until every text is done, short texts first.

    Logs how many texts were cut to the encoder's `sequence_length`.
    """
    lengths = token_counts(encoder, texts)
    _report_cuts(lengths, encoder.sequence_length)
    order = np.argsort(lengths, kind="stable")
    steps = [order[start : start + batch] for start in range(0, len(order), batch)]

    def vectors(places: np.ndarray) -> np.ndarray:
        return encoder.forward(tf.constant([texts[i] for i in places])).numpy()

    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        found = zip(steps, pool.map(vectors, steps), strict=True)
        yield from track(found, "Encoding texts", total=len(steps), disable=not progress)
    finally:  # who stops early waits for the batches that are on their way, not for all
        pool.shutdown(cancel_futures=True)


def token_counts(encoder: "TextEncoder", texts: Sequence[str]) -> np.ndarray:
    """Tokens of every text, [CLS] and [SEP] included, before any cut: int64 `[n]`."""
    parts = [texts[start : start + 1024] for start in range(0, len(texts), 1024)]
    counts = [encoder.pieces(tf.constant(part)).row_lengths().numpy() + 2 for part in parts]
    return np.concatenate(counts) if counts else np.zeros(0, np.int64)


def _report_cuts(lengths: np.ndarray, limit: int) -> None:
    cut = int((lengths > limit).sum())
    if cut:
        log.warning(
            "%d of %d texts are longer than sequence_length=%d tokens and were cut (median %d, longest %d)",
            cut,
            len(lengths),
            limit,
            np.median(lengths),
            lengths.max(),
        )
