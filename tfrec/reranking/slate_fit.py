"""Trains the slate model, and says whether it is worth having."""

import logging

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tfrec.config import RerankingConfig
from tfrec.ranking.learner import left_out
from tfrec.ranking.losses import listwise_softmax_loss
from tfrec.reranking.distillation import DistilledLoss
from tfrec.reranking.slate_features import SlateVectors
from tfrec.reranking.slate_model import SlateModel, read_slate
from tfrec.reranking.slates import Slates

log = logging.getLogger(__name__)

BATCH, READ, EPOCHS, PATIENCE, FOLDS = 64, 256, 60, 6, 5
LEARNING_RATE, WEIGHT_DECAY = 2e-3, 1e-2

Lesson = tuple[dict[str, np.ndarray], np.ndarray]


def fit_slate_model(
    slates: Slates,
    vectors: SlateVectors,
    config: RerankingConfig,
    *,
    seed: int,
    teacher: np.ndarray | None = None,
) -> SlateModel | None:
    """Trains as often as there are folds, each time without the slates of one, which decide the epoch; the model has
    the mean of the weights that were learned (a uniform soup, Wortsman et al. 2022, arXiv:2203.05482, section 2).

    It is kept if the slates' losses by the models that have not learned from them are less than those of the order that
    came in, by more than two standard errors of the mean difference: that order has been learned from more lists than
    the correction of it.

    Args:
        slates: of moments that came before all that the model will be asked.
        vectors: of the catalogue.
        config: settings.
        seed: of weights, shuffling, and of the folds.
        teacher: float `[slates, n]`, scores of a model that has read the texts, NaN where it has scored nothing; they
            weigh `config.distillation` beside what came next. None = there is no teacher.

    Returns:
        The model; None = the order that came in is as good.
    """
    labels, answered = with_teacher(slates.labels, teacher), slates.answered
    drawn = np.random.default_rng(seed).permutation(len(slates))
    lessons = [
        (train[is_taught(labels[train])], held[answered[held]]) for train, held in left_out(drawn, FOLDS)
    ]
    if not all(len(part) for lesson in lessons for part in lesson):
        log.info("slate model: too few slates to learn from; the order of ranking stays")
        return None
    inputs, scores, learned = read_all(slates, vectors), slates.ranking.copy(), []
    model = _begun(inputs, config, seed)
    start = [variable.numpy() for variable in _state(model)]
    for train, held in lessons:
        _assign(_state(model), start)
        unseen = _lines(inputs, held)
        _learn(model, (_lines(inputs, train), labels[train]), (unseen, with_teacher(slates.labels[held])))
        scores[held] = model.predict(unseen, verbose=0)
        learned.append([variable.numpy() for variable in model.trainable_variables])
    _assign(model.trainable_variables, [np.mean(values, 0) for values in zip(*learned, strict=True)])
    return model if is_better(scores[answered], slates.ranking[answered], slates.labels[answered]) else None


def _begun(inputs: dict[str, np.ndarray], config: RerankingConfig, seed: int) -> SlateModel:
    """A model that knows the scale of its features, ready for `fit`."""
    keras.utils.set_random_seed(seed)
    model = SlateModel()
    model.scale.adapt(inputs["features"][inputs["present"]][None])
    optimizer = keras.optimizers.AdamW(LEARNING_RATE, weight_decay=WEIGHT_DECAY, global_clipnorm=1.0)
    model.compile(optimizer=optimizer, loss=DistilledLoss(config.distillation), jit_compile=False)
    optimizer.build(model.trainable_variables)  # else the first step is traced twice
    return model


def _state(model: SlateModel) -> list[keras.Variable]:
    """What a training changes."""
    return [*model.trainable_variables, *model.optimizer.variables]


def _assign(variables: list[keras.Variable], values: list[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _learn(model: SlateModel, train: Lesson, held: Lesson) -> None:
    """Trains until slates held out are ordered no better."""
    stop = keras.callbacks.EarlyStopping("val_loss", patience=PATIENCE, restore_best_weights=True)
    model.fit(*train, validation_data=held, batch_size=BATCH, epochs=EPOCHS, verbose=0, callbacks=[stop])


def is_better(scores: np.ndarray, ranking: np.ndarray, labels: np.ndarray) -> bool:
    """Whether the losses of answered slates by the scores are less than those of the order that came in, beyond two
    standard errors of the mean difference; all float `[slates, n]`."""
    losses = [
        ops.convert_to_numpy(listwise_softmax_loss(np.maximum(labels, 0), some, mask=labels >= 0))
        for some in (ranking, scores)
    ]
    gain = losses[0] - losses[1]
    error = gain.std() / np.sqrt(len(gain))
    kept = bool(gain.mean() > 2 * error)
    log.info(
        "slate model: loss of %d slates not learned from %.4f, of the order that came in %.4f (difference ± %.4f): %s",
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
