"""What the cross-encoder learns: which item came next, among items drawn by their popularity; and what its word is
worth beside the order of ranking."""

import logging

import keras
import numpy as np
from scipy.optimize import minimize_scalar

from tfrec.config import ReadingConfig
from tfrec.data.histories import Histories
from tfrec.data.moments import Moments, history_rows
from tfrec.reranking.cross_encoder import CrossEncoder
from tfrec.reranking.slates import Slates

log = logging.getLogger(__name__)
BATCH = 16
MOST_GAIN = 3.0
MOST_IMAGINED = 4  # tokens


def fit_cross_encoder(model: CrossEncoder, past: Histories, settings: ReadingConfig, *, seed: int) -> None:
    """Trains the open weights of a cross-encoder on a softmax over the next item and others.

    The others are drawn with the square root of their popularity: what is learned is what an item has to do with the
    history, not how popular it is; that is known by ranking.

    Args:
        model: changed in place.
        past: interactions that may be learned from.
        settings: how much.
        seed: of what is drawn.
    """
    inputs = next_items(past, model.text.table.shape[0] - 1, settings, seed=seed)
    if settings.text_tokens:
        wanted = np.asarray(model.text.table)[inputs["candidates"][:, 0]]
        inputs["text"] = imagined(wanted, settings.text_tokens, settings.imagined, seed=seed)
    lists = len(inputs["candidates"])
    if not lists:
        return
    steps = settings.epochs * -(-lists // settings.batch)
    pace = keras.optimizers.schedules.CosineDecay(
        0.0, steps, warmup_target=settings.learning_rate, warmup_steps=-(-steps // 20)
    )
    optimizer = keras.optimizers.AdamW(pace, weight_decay=0.01, clipnorm=1.0)
    model.compile(optimizer=optimizer, loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    optimizer.build(model.trainable_variables)  # else the first step is traced twice
    answers = np.zeros(lists, np.int32)
    model.fit(inputs, answers, batch_size=settings.batch, epochs=settings.epochs, verbose=0)


def next_items(past: Histories, items: int, settings: ReadingConfig, *, seed: int) -> dict[str, np.ndarray]:
    """`history` int32 `[lists, events]`, `user` int32 `[lists]`, rows, and `candidates` int32 `[lists, 1 + negatives]`,
    what came next first.

    `settings.lists` moments, drawn among all that have a history, as often as it takes. A negative that is what came
    next is 0.
    """
    rng = np.random.default_rng(seed)
    chosen = np.flatnonzero(past.place >= 1)
    chosen = np.sort(np.resize(rng.permutation(chosen), settings.lists if len(chosen) else 0))
    moments = Moments(past.user[chosen], past.place[chosen], past.item[chosen] + 1)
    weight = np.sqrt(np.bincount(past.item, minlength=items))
    reach = np.cumsum(weight) / max(weight.sum(), 1.0)
    others = np.searchsorted(reach, rng.random((len(chosen), settings.negatives)), side="right") + 1
    others = np.where(others == moments.row[:, None], 0, np.minimum(others, items))
    return {
        "history": history_rows(past, moments, settings.events),
        "user": (moments.user + 1).astype(np.int32),
        "candidates": np.concatenate([moments.row[:, None], others], 1).astype(np.int32),
    }


def imagined(wanted: np.ndarray, width: int, share: float, *, seed: int) -> np.ndarray:
    """Free texts as somebody might have asked for an item: a few of its tokens in a row, int32 `[lists, width]`.

    The inverse cloze task (Lee, Chang & Toutanova 2019, arXiv:1906.00300, section 4): interactions tell no free texts,
    and without any the model would take what stands in their place for noise.

    Args:
        wanted: int32 `[lists, n]`, the tokens of what came next, then zeros.
        width: of a free text, at most.
        share: of the lists that have one; the others are empty.
        seed: of what is drawn.
    """
    rng = np.random.default_rng(seed)
    lists, length = len(wanted), (wanted > 0).sum(1)
    size = np.minimum(rng.integers(1, MOST_IMAGINED + 1, lists), length)
    first = rng.integers(0, length - size + 1)
    place = first[:, None] + np.arange(width)
    told = (np.arange(width) < size[:, None]) & (rng.random(lists) < share)[:, None]
    return np.where(told, np.take_along_axis(wanted, np.minimum(place, wanted.shape[1] - 1), 1), 0)


def read_slates(model: CrossEncoder, slates: Slates) -> np.ndarray:
    """Logits float32 `[slates, n]` of all candidates."""
    inputs = {"history": slates.history, "candidates": slates.rows, "user": slates.user + 1}
    return np.asarray(model.predict(inputs, batch_size=BATCH, verbose=0), np.float32)


def fit_gain(slates: Slates, logits: np.ndarray) -> float:
    """What a logit of the cross-encoder is worth beside a score of ranking: the g from 0 to `MOST_GAIN` with which
    softmax(ranking + g · logit) makes what came next the most likely.

    Args:
        slates: that the cross-encoder has not learned from.
        logits: float `[slates, n]`, of their candidates.
    """
    taught = np.flatnonzero(slates.answered)
    if not len(taught):
        return 0.0
    present = slates.labels[taught] >= 0
    ranking = np.where(present, slates.ranking[taught], -np.inf)
    said = np.where(present, logits[taught], 0.0)
    answer = slates.labels[taught].argmax(1)[:, None]

    def loss(gain: float) -> float:
        score = ranking + gain * said
        return float(np.mean(_log_sum(score) - np.take_along_axis(score, answer, 1)[:, 0]))

    best = minimize_scalar(loss, bounds=(0.0, MOST_GAIN), method="bounded").x
    return float(best) if loss(best) < loss(0.0) else 0.0


def _log_sum(score: np.ndarray) -> np.ndarray:
    top = score.max(1, keepdims=True)
    return np.log(np.exp(score - top).sum(1)) + top[:, 0]
