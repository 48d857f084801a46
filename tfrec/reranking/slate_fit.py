"""Trains the slate model, and says whether it is worth having."""

import logging

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tfrec.config import RerankingConfig
from tfrec.ranking.losses import listwise_softmax_loss
from tfrec.reranking.distillation import DistilledLoss
from tfrec.reranking.slate_features import SlateVectors
from tfrec.reranking.slate_model import SlateModel, read_slate
from tfrec.reranking.slates import Slates

log = logging.getLogger(__name__)

BATCH, READ, EPOCHS, PATIENCE, HELD_OUT = 64, 256, 60, 6, 0.1
LEARNING_RATE, WEIGHT_DECAY = 2e-3, 1e-2


def fit_slate_model(
    slates: Slates,
    vectors: SlateVectors,
    config: RerankingConfig,
    *,
    seed: int,
    teacher: np.ndarray | None = None,
) -> SlateModel | None:
    """Trains on nine tenths of the slates; the last tenth decides the epoch, and whether the model is kept.

    It is kept if it lowers the listwise loss of the slates held out by more than the standard error of the difference:
    an order that came in has been learned from more lists than the correction of it.

    Args:
        slates: of moments that came before all that the model will be asked.
        vectors: of the catalogue.
        config: settings.
        seed: of weights, shuffling, and of which slates are held out.
        teacher: float `[slates, n]`, scores of a model that has read the texts, NaN where it has scored nothing; they
            weigh `config.distillation` beside what came next. None = there is no teacher.

    Returns:
        The model; None = the order that came in is as good.
    """
    keras.utils.set_random_seed(seed)
    labels = with_teacher(slates.labels, teacher)
    order = np.random.default_rng(seed).permutation(len(slates))
    held, train = np.split(order, [round(HELD_OUT * len(order))])
    held, train = held[slates.answered[held]], train[is_taught(labels[train])]
    if not len(held) or not len(train):
        log.info("slate model: no slates to learn from; the order of ranking stays")
        return None
    inputs = read_all(slates, vectors)
    model = SlateModel()
    model.scale.adapt(inputs["features"][inputs["present"]][None])
    optimizer = keras.optimizers.AdamW(LEARNING_RATE, weight_decay=WEIGHT_DECAY, global_clipnorm=1.0)
    model.compile(optimizer=optimizer, loss=DistilledLoss(config.distillation), jit_compile=False)
    optimizer.build(model.trainable_variables)  # else the first step is traced twice
    stop = keras.callbacks.EarlyStopping("val_loss", patience=PATIENCE, restore_best_weights=True)
    model.fit(
        _lines(inputs, train),
        labels[train],
        validation_data=(_lines(inputs, held), with_teacher(slates.labels[held])),
        batch_size=BATCH,
        epochs=EPOCHS,
        verbose=0,
        callbacks=[stop],
    )
    scores = model.predict(_lines(inputs, held), verbose=0)
    return model if is_better(scores, slates.ranking[held], slates.labels[held]) else None


def is_better(scores: np.ndarray, ranking: np.ndarray, labels: np.ndarray) -> bool:
    """Whether the losses of answered slates by the scores are less than those of the order that came in, beyond the
    standard error of the mean difference; all float `[slates, n]`."""
    losses = [
        ops.convert_to_numpy(listwise_softmax_loss(np.maximum(labels, 0), some, mask=labels >= 0))
        for some in (ranking, scores)
    ]
    gain = losses[0] - losses[1]
    error = gain.std() / np.sqrt(len(gain))
    kept = bool(gain.mean() > error)
    log.info(
        "slate model: loss of %d slates held out %.4f, of the order that came in %.4f (difference ± %.4f): %s",
        len(gain),
        losses[1].mean(),
        losses[0].mean(),
        error,
        "kept" if kept else "the order of ranking stays",
    )
    return kept


def with_teacher(labels: np.ndarray, teacher: np.ndarray | None = None) -> np.ndarray:
    """Labels and a teacher's scores side by side, float32 `[slates, n, 2]`; without a teacher nothing is scored."""
    return np.stack([labels, np.full(labels.shape, np.nan) if teacher is None else teacher], -1).astype(
        np.float32
    )


def is_taught(labels: np.ndarray) -> np.ndarray:
    """Which slates `[slates, n, 2]` teach an order: by their answer, or because a teacher scored two of them."""
    return (labels[..., 0] > 0).any(1) | ((~np.isnan(labels[..., 1])).sum(1) > 1)


def read_all(slates: Slates, vectors: SlateVectors) -> dict[str, np.ndarray]:
    """What the model reads of slates, in batches: vectors are large, what is made of them is small."""
    columns = (slates.rows, slates.history, slates.ranking, slates.retrieval)
    tables = SlateVectors(*(tf.constant(table, tf.float32) for table in vectors))
    parts = [
        read_slate(tables, *(column[start : start + READ] for column in columns))
        for start in range(0, len(slates), READ)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _lines(inputs: dict[str, np.ndarray], chosen: np.ndarray) -> dict[str, np.ndarray]:
    return {name: values[chosen] for name, values in inputs.items()}
