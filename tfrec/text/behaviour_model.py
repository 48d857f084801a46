"""What behaviour teaches a language model by: a loss over the texts of a batch, in compiled steps."""

from typing import Any

import keras
import tensorflow as tf

from tfrec.text.encoder import TextEncoder

TEMPERATURE = 0.05


class BehaviourModel(keras.Model):
    """Trains an encoder; a subclass says by what.

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

    def vectors(self, tokens: tf.Tensor, *, training: bool) -> tf.Tensor:
        """Token ids int32 `[..., length]` → unit vectors float32 `[..., dim]`, zeros for no text."""
        flat = tf.reshape(tokens, [-1, tokens.shape[-1]])
        words = tf.cast(flat != self.encoder.tokenizer.pad_token_id, tf.int32)
        vectors = self.encoder.embed(flat, words, training=training)
        return tf.reshape(vectors, [*tokens.shape[:-1], vectors.shape[-1]])

    def batch_loss(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """The loss of a batch, a scalar."""
        raise NotImplementedError

    def train_step(self, data: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        loss, gradients = self.gradients(data)
        self.optimizer.apply(gradients, self.trainable_variables)
        self.mean_loss.update_state(loss)
        return self.get_metrics_result()

    def _gradients(self, batch: dict[str, tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        with tf.GradientTape() as tape:
            loss = self.batch_loss(batch)
        return loss, tape.gradient(loss, [weight.value for weight in self.trainable_variables])
