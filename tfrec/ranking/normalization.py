"""Pair features in units of their spread over the lists that a ranker learns from."""

from typing import Any

import keras
from keras import ops

Tensor = Any


@keras.saving.register_keras_serializable(package="tfrec")
class Normalization(
    keras.layers.Normalization
):  # the name is that of Keras, for it stands in files of weights
    """Keras's layer, but it reads its weights where it is called, instead of a copy that a traced graph would keep.

    A ranker that learns anew (`tfrec.ranking.learner`) has other statistics in the same graph.
    """

    def call(self, inputs: Tensor) -> Tensor:
        """Features float `[…, features]`, less their mean, in standard deviations."""
        deviation = ops.maximum(ops.sqrt(self.adapt_variance), keras.config.epsilon())
        return (ops.cast(inputs, self.compute_dtype) - self.adapt_mean) / deviation
