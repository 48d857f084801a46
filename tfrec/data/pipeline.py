"""Feeds training windows to `fit`: the one file of the data layer that needs TensorFlow."""

from __future__ import annotations

import numpy as np
import tensorflow as tf


def to_dataset(windows: np.ndarray, batch: int, seed: int) -> tf.data.Dataset:
    """Batches of shuffled windows, int32 `[batch, length + 1]`; the last batch may be smaller, no window is dropped.

    Every epoch has another order, and the same seed gives the same orders again.

    Args:
        windows: rows from `training_windows`, int32 `[windows, length + 1]`.
        batch: windows in a batch.
        seed: of the shuffling.
    """
    if len(windows) == 0:
        raise ValueError("`windows` must hold at least one window: no user has two interactions to learn a step from.")
    shuffled = tf.data.Dataset.from_tensor_slices(windows).shuffle(len(windows), seed=seed, reshuffle_each_iteration=True)
    return shuffled.batch(batch).prefetch(tf.data.AUTOTUNE)
