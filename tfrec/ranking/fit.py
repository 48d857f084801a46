"""Trains the ranker: features of lists once, then a short fit."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfrec.config import RankingConfig
from tfrec.data.histories import Histories
from tfrec.data.item_content import ItemContent
from tfrec.ranking.features import GROUPS, PairFeatures
from tfrec.ranking.levels import fit_levels
from tfrec.ranking.lists import TrainingLists
from tfrec.ranking.losses import make_loss
from tfrec.ranking.probability import fit_temperature
from tfrec.ranking.ranker import Ranker
from tfrec.retrieval.co_occurrence import neighbours
from tfrec.retrieval.retriever import Retriever

NEWEST, CONSTANT = 0.1, 1e-8


def build_pair_features(
    histories: Histories,
    content: ItemContent,
    retriever: Retriever,
    *,
    neighbours_kept: int,
    groups: Sequence[str] = tuple(GROUPS),
) -> PairFeatures:
    """The feature layer of a catalogue: counts and co-occurrence from `histories`, item vectors from retrieval."""
    items, slots = content.category.shape
    language, vocabulary, space = content.language, content.spec.vocabulary, retriever.model.blend.content
    met = neighbours(histories.matrix(items - 1 - content.added), neighbours_kept)
    rows, cosines = (np.pad(table, ((0, content.added), (0, 0))) for table in met)
    layer = PairFeatures(
        items,
        retriever.vectors.shape[1],
        text_dim=language.shape[1],
        content_dim=space.shape[1],
        neighbours=neighbours_kept,
        categories=len(vocabulary) + 1 if vocabulary else 0,
        slots=slots,
        groups=groups,
    )
    layer.set_tables(
        counts=np.append(0, histories.counts(items - 1)),
        recent=np.append(0, newest(histories).counts(items - 1)),
        added=content.added,
        vectors=retriever.vectors,
        language=language,
        content=space,
        category=content.category,
        neighbour=rows,
        cosine=cosines,
    )
    return layer


def newest(histories: Histories) -> Histories:
    """The newest tenth of all interactions, those at the same time as the first of them included."""
    if not len(histories.time):
        return histories
    return histories.keep(histories.time >= np.quantile(histories.time, 1 - NEWEST))


def fit_ranker(
    lists: TrainingLists,
    tables: tuple[Any, Any],
    config: RankingConfig,
    *,
    seed: int,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Ranker:
    """Trains on nine tenths of the lists, stops where the loss on the last tenth is least, and makes probabilities of
    scores there.

    Losses of order learn from the lists that are answered, pointwise ones from all.

    Args:
        lists: training lists.
        tables: vectors of the item space and of the content space, `[rows, …]` each.
        config: settings.
        seed: of weights and shuffling.
    """
    keras.utils.set_random_seed(seed)
    ranker = make_ranker(tables, lists.inputs["features"].shape[-1], config)
    if not lists.answered.any():
        return ranker
    learn_scale(ranker, lists)
    optimizer = keras.optimizers.AdamW(
        config.learning_rate, weight_decay=config.weight_decay, global_clipnorm=1.0
    )
    loss = make_loss(config.loss, label_smoothing=config.label_smoothing)
    ranker.compile(optimizer=optimizer, loss=loss, jit_compile=False)
    optimizer.build(ranker.trainable_variables)  # else the first step is traced twice
    order = np.random.default_rng(seed).permutation(len(lists.labels))
    count = max(1, len(order) // 10)
    held, teaches = order[:count], lists.answered | config.loss.startswith("pointwise")
    train, valid = (part[teaches[part]] for part in (order[count:], held))
    stop = keras.callbacks.EarlyStopping("val_loss", patience=config.patience, restore_best_weights=True)
    if len(train) and len(valid):
        ranker.fit(
            _dataset(lists, train, config.batch, seed),
            validation_data=_dataset(lists, valid, config.batch, seed),
            epochs=config.epochs,
            verbose=0,
            shuffle=False,
            callbacks=[stop, *callbacks],
        )
        calibrate(ranker, lists.take(held), levels=not config.newcomers)
    return ranker


def calibrate(ranker: Ranker, lists: TrainingLists, *, levels: bool) -> None:
    """Finds temperature, offset and, if wanted, levels by lists that it was not trained on, answered or not."""
    scores, present = ranker.predict(lists.inputs, batch_size=64, verbose=0), lists.labels >= 0
    ranker.calibration.assign(fit_temperature(lists.labels, scores))
    if levels and present.any():
        ranker.levels.assign(fit_levels(lists.inputs["features"][present, 0], scores[present]))


def make_ranker(tables: tuple[Any, Any], features: int, config: RankingConfig) -> Ranker:
    """An untrained ranker with tables as in `fit_ranker` and so many pair features."""
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
    ranker.scale.finalize_state()


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
