"""The language model learns which texts keep company: a softmax over the companions in a batch, both ways."""

import tensorflow as tf

from tfrec.text.behaviour_model import TEMPERATURE, BehaviourModel


class PairModel(BehaviourModel):
    """Token ids of pairs → logits `[pairs, pairs]`, the cosine of each anchor and each companion over the temperature.

    Inputs: "anchor" and "companion", int32 `[pairs, length]`; "rival" bool `[pairs, pairs]`, which companions stand
    against which anchors in the loss.
    """

    def call(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        vectors = self.vectors(tf.concat([inputs["anchor"], inputs["companion"]], 0), training=training)
        anchors, companions = tf.split(vectors, 2)
        return tf.matmul(anchors, companions, transpose_b=True) / TEMPERATURE

    def batch_loss(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """`contrastive_loss` of the batch."""
        return contrastive_loss(self(batch, training=True), batch["rival"])


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
