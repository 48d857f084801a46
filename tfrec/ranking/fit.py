"""Trains the ranker: lists from a retriever that has not seen their answers, features once, then a short fit."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from tfrec.config import RankingConfig
from tfrec.data.histories import Histories
from tfrec.data.item_content import ItemContent
from tfrec.data.moments import Moments, history_rows
from tfrec.data.user_side import NOTHING_MORE, Context, UserSide
from tfrec.ranking.features import NAMES, PairFeatures
from tfrec.ranking.losses import make_loss
from tfrec.ranking.ranker import Ranker
from tfrec.retrieval.co_occurrence import neighbours
from tfrec.retrieval.interests import largest
from tfrec.retrieval.retriever import Retriever, evidence

BATCH = 128
MASKED = -1.0


@dataclass(frozen=True, eq=False)
class TrainingLists:
    """Lists in which the item that came next is among the candidates.

    Args:
        inputs: `features` float32 `[lists, list, features]`, `candidates` int32 `[lists, list]`, `history` int32
            `[lists, length]`.
        labels: float32 `[lists, list]`, 1 for the item that came next, negative where the list is shorter.
        found: share of the moments whose next item was among the candidates.
    """

    inputs: dict[str, np.ndarray]
    labels: np.ndarray
    found: float


def build_pair_features(
    histories: Histories, content: ItemContent, vectors: tf.Tensor, *, neighbours_kept: int
) -> PairFeatures:
    """The feature layer of a catalogue: counts and co-occurrence from `histories`, item vectors from retrieval."""
    items, slots = content.category.shape
    language, vocabulary = content.language, content.spec.vocabulary
    met = neighbours(histories.matrix(items - 1 - content.added), neighbours_kept)
    rows, cosines = (np.pad(table, ((0, content.added), (0, 0))) for table in met)
    layer = PairFeatures(
        items,
        vectors.shape[1],
        text_dim=language.shape[1],
        neighbours=neighbours_kept,
        categories=len(vocabulary) + 1 if vocabulary else 0,
        slots=slots,
    )
    layer.set_tables(
        counts=np.concatenate([[0], histories.counts(items - 1)]),
        added=content.added,
        vectors=vectors,
        language=language,
        category=content.category,
        neighbour=rows,
        cosine=cosines,
    )
    return layer


def make_lists(
    retriever: Retriever,
    features: PairFeatures,
    full: Histories,
    moments: Moments,
    *,
    candidates: int,
    length: int,
    mask_seen: bool = True,
    side: UserSide = NOTHING_MORE,
) -> TrainingLists:
    """Asks the retriever at every moment, and keeps the lists that hold the answer.

    Args:
        retriever, features: made without the interactions that the moments ask for.
        full: histories with these interactions.
        moments: of `full`.
        candidates: list size.
        length: newest events read.
        mask_seen: whether the user's earlier items are left out of the list.
        side: what is known of the moments.
    """

    @tf.function(reduce_retracing=True, autograph=False)
    def ask(
        history: tf.Tensor, user: tf.Tensor, seen: tf.Tensor, context: Context | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        scores = retriever.by_interest(history, user, context)
        rows = retriever.best(scores, retriever.mask(seen), candidates).rows
        return rows, features(history, rows, evidence(largest(scores), rows))

    history = history_rows(full, moments, length)
    kept: list[tuple[np.ndarray, ...]] = []
    for first in range(0, max(1, len(moments)), BATCH):  # once also for none: the shapes are those of no list
        part = slice(first, first + BATCH)
        seen = (
            history_rows(full, moments.take(part))
            if mask_seen
            else np.zeros((len(history[part]), 1), np.int32)
        )
        context = side.context_of(moments.event[part])
        rows, values = (t.numpy() for t in ask(history[part], moments.user[part] + 1, seen, context))
        answered = (rows == moments.row[part, None]).any(1)
        kept.append((values[answered], rows[answered], history[part][answered], moments.row[part][answered]))
    values, rows, history, answer = (np.concatenate(column) for column in zip(*kept, strict=True))
    labels = np.where(rows == 0, MASKED, rows == answer[:, None]).astype(np.float32)
    inputs = {"features": values, "candidates": rows, "history": history}
    return TrainingLists(inputs, labels, len(labels) / max(1, len(moments)))


def fit_ranker(
    lists: TrainingLists,
    vectors: tf.Tensor,
    config: RankingConfig,
    *,
    seed: int,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Ranker:
    """Trains on nine tenths of the lists, and stops where the loss on the last tenth is least.

    Args:
        lists: training lists.
        vectors: the retrieval stage's item vectors, `[items, dim]`.
        config: settings.
        seed: of weights and shuffling.
    """
    keras.utils.set_random_seed(seed)
    items, dim = vectors.shape
    ranker = Ranker(items, dim, len(NAMES), units=config.units, dropout=config.dropout)
    ranker.vectors.assign(vectors)
    if not len(lists.labels):
        return ranker
    ranker.scale.adapt(lists.inputs["features"][lists.labels >= 0][None])
    optimizer = keras.optimizers.AdamW(
        config.learning_rate, weight_decay=config.weight_decay, global_clipnorm=1.0
    )
    loss = make_loss(config.loss, label_smoothing=config.label_smoothing)
    ranker.compile(optimizer=optimizer, loss=loss, jit_compile=False)
    optimizer.build(ranker.trainable_variables)  # else the first step is traced twice
    order = np.random.default_rng(seed).permutation(len(lists.labels))
    held = max(1, len(order) // 10)
    train, valid = (_dataset(lists, part, config.batch, seed) for part in (order[held:], order[:held]))
    stop = keras.callbacks.EarlyStopping("val_loss", patience=config.patience, restore_best_weights=True)
    if len(order) > held:
        ranker.fit(
            train,
            validation_data=valid,
            epochs=config.epochs,
            verbose=0,
            shuffle=False,
            callbacks=[stop, *callbacks],
        )
    return ranker


def _dataset(lists: TrainingLists, chosen: np.ndarray, batch: int, seed: int) -> tf.data.Dataset:
    """Batches that are gathered when they are needed: the features of all lists are held in memory once."""
    inputs, labels = lists.inputs, lists.labels
    order = tf.data.Dataset.from_tensor_slices(chosen).shuffle(max(1, len(chosen)), seed=seed).batch(batch)
    columns = {name: tf.constant(values) for name, values in inputs.items()}
    answers = tf.constant(labels)
    return order.map(
        lambda places: (
            {name: tf.gather(column, places) for name, column in columns.items()},
            tf.gather(answers, places),
        )
    ).prefetch(2)
