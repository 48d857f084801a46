"""The one door to TensorFlow Recommenders.

TFRS 0.7 is written for Keras 2 and refuses Keras 3 at import; everything else in tfrec is Keras 3. So `import tfrec`
sets the switch to `tf-keras` before `tf.keras` is first touched, and the Retrieval task is handed out here as a plain
function: Keras 3 turns autograph off where it traces a model, and the task needs it, hence the `tf.function` around it.
"""

import os
from collections.abc import Callable

import tensorflow as tf

try:
    import tensorflow_recommenders as tfrs
except ImportError as error:
    raise ImportError(
        "TensorFlow Recommenders needs `tf.keras` to be Keras 2 (package tf-keras), and it is Keras 3: either "
        f"TF_USE_LEGACY_KERAS is not 1 (received: {os.environ.get('TF_USE_LEGACY_KERAS')!r}), or `tf.keras` was used "
        "before tfrec was imported. Import tfrec first, or set TF_USE_LEGACY_KERAS=1 beforehand."
    ) from error


def retrieval_loss(*, temperature: float, remove_accidental_hits: bool) -> Callable[..., tf.Tensor]:
    """The loss of `tfrs.tasks.Retrieval` as a function.

    Args:
        temperature: logits are divided by it.
        remove_accidental_hits: whether candidates that equal a row's own positive are masked (needs `candidate_ids`).

    Returns:
        A function of query and candidate vectors, `[queries, dim]` and `[candidates, dim]` (candidate i is the positive
        of query i, further ones are negatives), and of the task's keyword arguments; it gives the summed loss.
    """
    task = tfrs.tasks.Retrieval(temperature=temperature, remove_accidental_hits=remove_accidental_hits)

    @tf.function
    def loss(queries: tf.Tensor, candidates: tf.Tensor, **options: tf.Tensor) -> tf.Tensor:
        return task(queries, candidates, compute_metrics=False, **options)

    return loss
