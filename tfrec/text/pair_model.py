"""The language model learns which texts keep company: a softmax over the companions in a batch, both ways."""

from typing import Any

import keras
import tensorflow as tf

from tfrec.text.encoder import TextEncoder

TEMPERATURE = 0.05


class PairModel(keras.Model):
    """Token ids of pairs → logits `[pairs, pairs]`, the cosine of each anchor and each companion over the temperature.

    Inputs: "anchor" and "companion", int32 `[pairs, length]`; "rival" bool `[pairs, pairs]`, which companions stand
    against which anchors in the loss.

    Args:
        encoder: what learns.
        xla: whether steps are compiled. Keras's own `jit_compile` refuses that beside determinism, which holds here all
            the same.
    """

    def __init__(self, encoder: TextEncoder, *, xla: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.encoder, self.xla = encoder, xla
        self.gradients = tf.function(self._gradients, jit_compile=xla, autograph=False)
        self.mean_loss = keras.metrics.Mean(name="loss")

    def call(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        tokens = tf.concat([inputs["anchor"], inputs["companion"]], 0)
        words = tf.cast(tokens != self.encoder.tokenizer.pad_token_id, tf.int32)
        anchors, companions = tf.split(self.encoder.embed(tokens, words, training=training), 2)
        return tf.matmul(anchors, companions, transpose_b=True) / TEMPERATURE

    def train_step(self, data: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        loss, gradients = self.gradients(data)
        self.optimizer.apply(gradients, self.trainable_variables)
        self.mean_loss.update_state(loss)
        return self.get_metrics_result()

    def _gradients(self, batch: dict[str, tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        with tf.GradientTape() as tape:
            loss = contrastive_loss(self(batch, training=True), batch["rival"])
        return loss, tape.gradient(loss, [weight.value for weight in self.trainable_variables])


def contrastive_loss(logits: tf.Tensor, rival: tf.Tensor) -> tf.Tensor:
    """The mean of `-log(exp(l_ii) / (exp(l_ii) + Σ_j rival_ij exp(l_ij)))` over anchors i, and over companions i with
    l and rival transposed: both count half (Radford et al. 2021, arXiv:2103.00020, section 2.3).

    Args:
        logits: float32 `[pairs, pairs]`.
        rival: bool `[pairs, pairs]`; its diagonal is not read. Not a rival is an accidental hit: a companion that the
            anchor keeps too, or the anchor itself.
    """
    logits = tf.where(rival | tf.eye(tf.shape(logits)[0], dtype=tf.bool), logits, tf.float32.min)
    rows, columns = (tf.reduce_logsumexp(logits, axis) for axis in (1, 0))
    return tf.reduce_mean((rows + columns) / 2 - tf.linalg.diag_part(logits))
