"""Trains the recall stage on histories: builds the towers for a catalogue, batches events, stops by validation."""

import logging
import math
import time
import warnings
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfrec.config import RetrievalConfig
from tfrec.data.histories import Histories
from tfrec.data.item_content import ItemContent
from tfrec.data.pipeline import next_item_batches
from tfrec.data.splits import Targets
from tfrec.data.user_side import NOTHING_MORE, UserSide
from tfrec.retrieval.blend import Blend
from tfrec.retrieval.candidate_tower import CandidateTower
from tfrec.retrieval.content_embedding import ContentEmbedding
from tfrec.retrieval.content_tower import ContentTower
from tfrec.retrieval.query_tower import QueryTower
from tfrec.retrieval.two_tower import TwoTower
from tfrec.retrieval.validation import FullCatalogueNdcg

MONITOR = "val_ndcg@10"
USER_ID_DROPOUT = 0.5

log = logging.getLogger(__name__)


class LoggedEpochs(keras.callbacks.Callback):
    """One log line an epoch."""

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        figures = ", ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items())
        log.info("recall, epoch %d: %s (%.0f s)", epoch + 1, figures, time.perf_counter() - self.started)


def build_two_tower(
    histories: Histories, content: ItemContent, config: RetrievalConfig, side: UserSide = NOTHING_MORE
) -> TwoTower:
    """An untrained, compiled model for a catalogue and its users."""
    items = len(content.table)
    candidate = CandidateTower(
        items,
        config.dim,
        content_dim=content.spec.content_dim,
        categories=content.spec.categories,
        slots=content.category.shape[1],
        id_dropout=config.id_dropout,
        dtype=config.precision,
    )
    query = QueryTower(
        config.length,
        encoder=config.encoder,
        blocks=config.blocks,
        heads=config.heads,
        dropout=config.dropout,
        user=_build_user_tower(len(histories) + 1, side.profile, config),
        context=_build_context(side.context, config),
        start=side.knows_more,
        side_dropout=config.side_dropout,
        dtype=config.precision,
        interests=config.interests,
    )
    model = TwoTower(
        candidate,
        query,
        temperature=config.temperature,
        negatives=config.negatives,
        hard_negatives=config.hard_negatives,
        streaming=config.frequency == "streaming",
        blend=_build_blend(content, config),
    )
    model.set_items(np.concatenate([[0], histories.counts(items - 1)]), content.table, content.category)
    steps = most_epochs(histories, config) * math.ceil(len(histories.item) / config.batch_events)
    _compile(model, _learning_rate(config, steps), config)
    return model


def _compile(model: TwoTower, learning_rate: Any, config: RetrievalConfig) -> None:
    optimizer = keras.optimizers.AdamW(learning_rate, weight_decay=config.weight_decay, global_clipnorm=5.0)
    if config.precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    model.compile(optimizer=optimizer, jit_compile=False)
    optimizer.build(model.trainable_variables)  # else the first step is traced twice, which takes seconds


def _learning_rate(config: RetrievalConfig, steps: int) -> Any:
    """A constant, or a schedule over so many steps."""
    rate, warmup = config.learning_rate, config.warmup_steps
    if config.schedule == "cosine":
        rising = {"warmup_target": rate, "warmup_steps": warmup} if warmup else {}
        return keras.optimizers.schedules.CosineDecay(
            0.0 if warmup else rate, max(1, steps - warmup), **rising
        )
    if warmup:
        return keras.optimizers.schedules.PolynomialDecay(1e-3 * rate, warmup, end_learning_rate=rate)
    return rate


def _build_user_tower(
    users: int, profile: ItemContent | None, config: RetrievalConfig
) -> ContentTower | None:
    same: dict[str, Any] = {"id_dropout": USER_ID_DROPOUT, "dtype": config.precision}
    if profile is None:
        return ContentTower(users, config.dim, **same) if config.user_id else None
    tower = ContentTower(
        users,
        config.dim,
        ids=config.user_id,
        content_dim=profile.spec.content_dim,
        categories=profile.spec.categories,
        slots=profile.category.shape[1],
        **same,
    )
    tower.build()
    tower.set_content(content=profile.table, category=profile.category)
    return tower


def _build_context(context: ItemContent | None, config: RetrievalConfig) -> ContentEmbedding | None:
    if context is None:
        return None
    return ContentEmbedding(
        config.dim,
        content_dim=context.spec.content_dim,
        categories=context.spec.categories,
        dtype=config.precision,
    )


def _build_blend(content: ItemContent, config: RetrievalConfig) -> Blend:
    items, width = content.vectors.shape
    lexical = np.zeros((items, 0), np.float32) if content.lexical is None else content.lexical
    dim = min(config.content_dim, width)
    blend = Blend(
        items,
        width=width if dim else 0,
        content_dim=dim,
        lexical_dim=lexical.shape[1],
        neighbours=config.neighbours,
        distance_discount=config.distance_discount,
        shrinkage=config.shrinkage,
    )
    blend.learn_content(content.vectors, lexical)
    return blend


def remember(model: TwoTower, histories: Histories) -> None:
    """Tells a model which items appear together in `histories`, and which users have one."""
    if model.query.user is not None:
        model.query.user.set_warm(np.append(False, histories.lengths > 0))
    blend = model.blend
    blend.set_neighbours(*blend.count(histories, model.candidate.items - 1, blend.neighbours))


def fit_retrieval(
    histories: Histories,
    content: ItemContent,
    config: RetrievalConfig,
    *,
    seed: int,
    valid: Targets | None = None,
    seen: Histories | None = None,
    epochs: int | None = None,
    side: UserSide = NOTHING_MORE,
    weight: np.ndarray | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> tuple[TwoTower, int]:
    """Trains the two towers.

    Args:
        histories: what may be learned from.
        content: of the catalogue.
        config: settings.
        seed: of weights, shuffling and sampling.
        valid: targets that decide when to stop; without them all epochs are run.
        seen: what validation masks, where that is more than `histories`.
        epochs: how many to run, where that is known already.
        side: what is known of users and moments.
        weight: float32 `[interactions + 1]`, what the loss of each event counts, as of `next_item_batches`.
        callbacks: further ones, such as a progress bar.

    Returns:
        the model and the number of epochs that its weights have seen.
    """
    keras.utils.set_random_seed(seed)
    model = build_two_tower(histories, content, config, side)
    batches = _batches(histories, config, side, seed, weight)
    watch: list[keras.callbacks.Callback] = []
    if valid is not None and len(valid):
        stop = keras.callbacks.EarlyStopping(
            MONITOR, mode="max", patience=config.patience, restore_best_weights=True
        )
        watch = [FullCatalogueNdcg(histories, valid, config.length, seen=seen, side=side), stop]
    remember(model, histories)
    history = _fit(
        model, batches, epochs or most_epochs(histories, config), [*watch, LoggedEpochs(), *callbacks]
    )
    if not watch:
        return model, len(history.epoch)
    return model, int(np.argmax(history.history[MONITOR])) + 1


def most_epochs(histories: Histories, config: RetrievalConfig) -> int:
    """`config.epochs`, or fewer where these would take more than `config.steps` steps; 1 at least."""
    steps = len(histories.item) / config.batch_events
    return max(1, min(config.epochs, round(config.steps / max(1.0, steps))))


def catch_up(
    model: TwoTower,
    histories: Histories,
    config: RetrievalConfig,
    *,
    seed: int,
    side: UserSide = NOTHING_MORE,
    weight: np.ndarray | None = None,
) -> None:
    """Lets a trained model learn the newest events too: a few more epochs on longer histories.

    The vector space stays the one that the ranker has learned to read, which a new training would not give.
    """
    items = model.candidate.items
    model.set_counts(np.concatenate([[0], histories.counts(items - 1)]))
    remember(model, histories)
    if not isinstance(_learning_rate(config, 1), float):  # the schedule has come to its end
        _compile(model, config.learning_rate, config)
    batches = _batches(histories, config, side, seed + 1, weight)
    _fit(model, batches, config.catch_up_epochs, [LoggedEpochs()])


def _batches(
    histories: Histories, config: RetrievalConfig, side: UserSide, seed: int, weight: np.ndarray | None
) -> tf.data.Dataset:
    return next_item_batches(
        histories,
        config.length,
        config.batch_events,
        seed,
        start=side.knows_more,
        context=side.context,
        weight=weight,
    )


def _fit(
    model: TwoTower, batches: tf.data.Dataset, epochs: int, callbacks: Sequence[keras.callbacks.Callback]
) -> keras.callbacks.History:
    """`model.fit`, without Keras's warnings that the batches shuffle themselves and that epochs differ in length."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*(shuffle=True|ran out of data)", category=UserWarning)
        return model.fit(batches, epochs=epochs, verbose=0, callbacks=list(callbacks))
