"""The language model learns to order lists: a softmax over the texts of candidates, given those of a history."""

import tensorflow as tf

from tfrec.text.behaviour_model import TEMPERATURE, BehaviourModel

DECAY = 0.8  # weight of an event relative to the next newer one, as in recall


class ListModel(BehaviourModel):
    """Token ids of lists → logits `[lists, lists · list]`: the cosine of a history and each candidate of the batch,
    over the temperature. A history is the mean of its texts' vectors, newer ones weighing more.

    Inputs: "history" int32 `[lists, events, length]`; "weight" float32 `[lists, events]`, 0 = no event; "candidates"
    int32 `[lists, list, length]`, what came next first; "rival" bool `[lists, lists · list]`, which candidates of the
    batch stand against the answer of a list in the loss.
    """

    def call(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        events = inputs["history"].shape[1]
        vectors = self.vectors(
            tf.concat([inputs["history"], inputs["candidates"]], axis=1), training=training
        )
        asked = tf.einsum("le,led->ld", inputs["weight"], vectors[:, :events])
        candidates = tf.reshape(vectors[:, events:], [-1, vectors.shape[-1]])
        return tf.matmul(tf.math.l2_normalize(asked, -1), candidates, transpose_b=True) / TEMPERATURE

    def batch_loss(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """`listwise_loss` of the batch."""
        return listwise_loss(self(batch, training=True), batch["rival"])


def listwise_loss(logits: tf.Tensor, rival: tf.Tensor) -> tf.Tensor:
    """The mean over lists i of `-log(exp(l_ia) / (exp(l_ia) + Σ_c rival_ic exp(l_ic)))`, a the first candidate of
    list i (ListNet's top-one probability, Cao et al. 2007, doi:10.1145/1273496.1273513).

    Args:
        logits: float32 `[lists, lists · list]`, the candidates list by list.
        rival: bool of that shape; what it says of the answer is not read.
    """
    lists, candidates = logits.shape
    answer = tf.range(lists) * (candidates // lists)
    counted = rival | (tf.range(candidates) == answer[:, None])
    own = tf.gather(logits, answer, batch_dims=1)
    return tf.reduce_mean(tf.reduce_logsumexp(tf.where(counted, logits, tf.float32.min), 1) - own)
