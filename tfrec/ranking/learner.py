"""One ranker that learns from lists, and again from others: its graphs are traced once."""

import logging
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfrec.config import RankingConfig
from tfrec.ranking.ensemble import join
from tfrec.ranking.levels import fit_levels
from tfrec.ranking.lists import TrainingLists
from tfrec.ranking.losses import make_loss
from tfrec.ranking.probability import fit_isotonic, fit_temperature
from tfrec.ranking.ranker import Ranker

CONSTANT = 1e-8

log = logging.getLogger(__name__)


class Learner:
    """A ranker that learns as often as it is asked to, each time from the beginning.

    To trace the graphs of a ranker takes as long as half of a short training: the members of an ensemble and the folds
    of `tfrec.ranking.fresh_scores` share them.

    Args:
        tables: vectors of the item space and of the content space, `[rows, …]` each.
        config: settings.
    """

    def __init__(self, tables: tuple[Any, Any], config: RankingConfig) -> None:
        self.tables, self.config = tables, config
        self._ranker: Ranker | None = None
        self._rested: list[np.ndarray] = []

    def fit(
        self, lists: TrainingLists, *, seed: int, callbacks: Sequence[keras.callbacks.Callback] = ()
    ) -> Ranker:
        """Trains on nine tenths of the lists, stops where the loss on the last tenth is least, and makes probabilities
        of scores there; where an ensemble is wanted, several that are one model.

        Losses of order learn from the lists that are answered, pointwise ones from all.

        Args:
            lists: training lists.
            seed: of weights and shuffling; each further member has the next one.
            callbacks: further ones, such as a progress bar.

        Returns:
            A ranker that is used up before the next `fit`, which may teach the same object anew; `with_tables` makes a
            copy that stays as it is.
        """
        config = self.config
        keras.utils.set_random_seed(seed)
        order = np.random.default_rng(seed).permutation(len(lists.labels))
        count = max(1, len(order) // 10)
        held, teaches = order[:count], lists.answered | config.loss.startswith("pointwise")
        taught = [
            tuple(part[teaches[part]] for part in lesson) for lesson in lessons(order[count:], held, config)
        ]
        if not lists.answered.any() or not all(len(part) for lesson in taught for part in lesson):
            ranker = make_ranker(self.tables, lists.inputs["features"].shape[-1], config)
            if lists.answered.any():
                learn_scale(ranker, lists)
            return ranker
        ranker = self._learn_all(lists, taught, seed, callbacks)
        calibrate(ranker, lists.take(held).of_recall(), levels=not config.newcomers)
        return ranker

    def _learn_all(
        self,
        lists: TrainingLists,
        taught: Sequence[tuple[np.ndarray, ...]],
        seed: int,
        callbacks: Sequence[keras.callbacks.Callback],
    ) -> Ranker:
        members: list[Ranker] = []
        for number, (train, valid) in enumerate(taught):
            ranker = self._begin(lists.inputs["features"].shape[-1], seed + number)
            learn_scale(ranker, lists)
            self._learn(ranker, lists, train, valid, seed + number, callbacks)
            members.append(ranker if len(taught) == 1 else ranker.with_tables(*self.tables))
        return join(members)

    def _begin(self, features: int, seed: int) -> Ranker:
        """The ranker as if it had just been made with this seed."""
        keras.utils.set_random_seed(seed)
        new = make_ranker(self.tables, features, self.config)
        if self._ranker is None:
            self._ranker = compiled(new, self.config)
            self._rested = [variable.numpy() for variable in new.optimizer.variables]
            return new
        weights, states = self._ranker.variables, self._ranker.optimizer.variables
        for ours, first in zip([*weights, *states], [*new.variables, *self._rested], strict=True):
            ours.assign(first)
        return self._ranker

    def _learn(
        self,
        ranker: Ranker,
        lists: TrainingLists,
        train: np.ndarray,
        valid: np.ndarray,
        seed: int,
        callbacks: Sequence[keras.callbacks.Callback],
    ) -> None:
        batch, patience = self.config.batch, self.config.patience
        stop = keras.callbacks.EarlyStopping("val_loss", patience=patience, restore_best_weights=True)
        history = ranker.fit(
            _dataset(lists, train, batch, seed),
            validation_data=_dataset(lists, valid, batch, seed),
            epochs=self.config.epochs,
            verbose=0,
            shuffle=False,
            callbacks=[stop, *callbacks],
        )
        log.info(
            "ranking: loss %.4f on %d lists not learned from", min(history.history["val_loss"]), len(valid)
        )


def lessons(rest: np.ndarray, held: np.ndarray, config: RankingConfig) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each member of the ensemble the lists that it learns from and those that tell it when to stop.

    Args:
        rest, held: int `[lists]`, drawn at random; no member learns from those held out.
        config: `ensemble` and `members`.
    """
    if config.members == "seeds" or config.ensemble == 1:
        return [(rest, held)] * config.ensemble
    return left_out(rest, config.ensemble)


def left_out(drawn: np.ndarray, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Each of `count` folds, behind the others joined."""
    folds = np.array_split(drawn, count)
    return [(np.concatenate(folds[:n] + folds[n + 1 :]), fold) for n, fold in enumerate(folds)]


def calibrate(ranker: Ranker, lists: TrainingLists, *, levels: bool) -> None:
    """Finds what makes probabilities and, if wanted, levels by lists that it was not trained on, answered or not."""
    scores, present = ranker.predict(lists.inputs, batch_size=64, verbose=0), lists.labels >= 0
    ranker.calibration.assign(fit_temperature(lists.labels, scores))
    if ranker.isotonic:
        ranker.steps.assign(fit_isotonic(lists.labels, scores))
    if levels and present.any():
        ranker.levels.assign(fit_levels(lists.inputs["features"][present, 0], scores[present]))


def compiled(ranker: Ranker, config: RankingConfig) -> Ranker:
    """The ranker, ready for `fit`."""
    optimizer = make_optimizer(config)
    loss = make_loss(config.loss, label_smoothing=config.label_smoothing)
    ranker.compile(optimizer=optimizer, loss=loss, jit_compile=False)
    optimizer.build(ranker.trainable_variables)  # else the first step is traced twice
    return ranker


def make_optimizer(config: RankingConfig) -> keras.optimizers.Optimizer:
    """AdamW as the settings say: over how many batches gradients are added up, and whether losses are scaled."""
    optimizer = keras.optimizers.AdamW(
        config.learning_rate,
        weight_decay=config.weight_decay,
        global_clipnorm=1.0,
        gradient_accumulation_steps=config.accumulate if config.accumulate > 1 else None,
    )
    if config.precision == "mixed_float16":
        return keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer


def make_ranker(tables: tuple[Any, Any], features: int, config: RankingConfig) -> Ranker:
    """An untrained ranker with tables as of `Learner` and so many pair features."""
    vectors, content = tables
    items, dim = vectors.shape
    maps = config.maps if content.shape[1] else 0
    ranker = Ranker(
        items,
        dim,
        features,
        content_dim=content.shape[1] if maps else 0,
        units=config.units,
        dropout=config.dropout,
        meets=config.history,
        cross=config.cross,
        maps=maps,
        form=config.form,
        adversarial=config.adversarial,
        isotonic=config.probability == "isotonic",
        dtype=config.precision,
    )
    ranker.vectors.assign(vectors)
    if maps:
        ranker.content.assign(content)
    return ranker


def learn_scale(ranker: Ranker, lists: TrainingLists) -> None:
    """Learns mean and variance of the features; one that was always the same stays in its own unit, as it may move."""
    ranker.scale.adapt(lists.inputs["features"][lists.labels >= 0][None])
    variance = ranker.scale.adapt_variance
    variance.assign(keras.ops.where(keras.ops.less(variance, CONSTANT), 1.0, variance))


def _dataset(lists: TrainingLists, chosen: np.ndarray, batch: int, seed: int) -> tf.data.Dataset:
    """Batches that are gathered when they are needed: the features of all lists are held in memory once."""
    inputs, labels = lists.inputs, lists.labels
    order = tf.data.Dataset.from_tensor_slices(chosen).shuffle(max(1, len(chosen)), seed=seed).batch(batch)
    columns = {name: tf.constant(values) for name, values in inputs.items()}
    answers, weight = tf.constant(labels), tf.constant(lists.weight)
    return order.map(
        lambda places: (
            {name: tf.gather(column, places) for name, column in columns.items()},
            tf.gather(answers, places),
            tf.gather(weight, places),
        )
    ).prefetch(2)
