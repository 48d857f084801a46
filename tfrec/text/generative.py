"""A generative language model: how likely a text is behind another one, and what it writes.

Any KerasHub `CausalLM` will do: a folder that KerasHub or Hugging Face wrote, or a preset. Likelihoods are computed by
ops of TensorFlow core and tensorflow-text alone, tokenizer included, so that they can be exported; writing is done
word by word in Python.
"""

from pathlib import Path
from typing import Any, Self

import keras
import keras_hub
import tensorflow as tf
import tensorflow_text  # noqa: F401  (registers the tokenizer's ops)

from tfrec.text.sources import HUB_SCHEMES

SEPARATOR = ";"
LENGTHS = 64  # tokens
CHARACTERS = 16  # of a text for each token that is read of it: what lies beyond is not even cut into tokens
READS = {"token_ids", "padding_mask"}

WHAT_WILL_DO = """\
What will do:
  1. a folder that `keras_hub.models.CausalLM.save_to_preset` wrote
  2. a folder in Hugging Face format of a model that KerasHub converts, such as Llama, Gemma, Mistral or Qwen
  3. a KerasHub preset such as "gemma3_1b", or "hf://owner/model" (both need a network)"""


class GenerativeModelNotFound(ValueError):  # noqa: N818 (as FileNotFoundError)
    """No generative language model can be had under this name. The message says what would do."""

    def __init__(self, name: str, reason: str):
        super().__init__(f"No generative language model {name!r}: {reason}.\n{WHAT_WILL_DO}")


class GenerativeModel(keras.layers.Layer):
    """A causal language model that reads texts put together from parts: token ids plus 1, 0 = none.

    Args:
        task: a KerasHub CausalLM with its preprocessor.
    """

    def __init__(self, task: Any, **kwargs: Any) -> None:
        super().__init__(trainable=False, **kwargs)
        task.compile(
            sampler="greedy", jit_compile=False
        )  # XLA would compile anew for every length of a prompt
        self.backbone, self.tokenizer = task.backbone, task.preprocessor.tokenizer
        self.generate = task.generate
        self.built = True
        self.lead = int(self._tokens(tf.constant([SEPARATOR])).row_lengths()[0])

    @classmethod
    def from_name(cls, name: str | Path) -> Self:
        """The model of a folder or preset.

        Raises:
            GenerativeModelNotFound: there is none, or it is no generative language model of text.
        """
        models, folder = keras_hub.models.CausalLM, Path(name).expanduser()
        name = str(folder) if folder.is_dir() else str(name)
        if not folder.is_dir() and name not in models.presets and not name.startswith(HUB_SCHEMES):
            raise GenerativeModelNotFound(name, "it is neither a folder nor a KerasHub preset")
        try:
            task = models.from_preset(name)
        except Exception as error:  # hubs, formats and converters fail in many ways that mean the same
            reason = f"it could not be loaded ({type(error).__name__}: {error})"
            raise GenerativeModelNotFound(name, reason) from error
        if {*task.backbone.input} != READS:
            reason = f"it reads {', '.join(sorted(task.backbone.input))}, not text alone"
            raise GenerativeModelNotFound(name, reason)
        return cls(task)

    @property
    def start(self) -> list[int]:
        """What a text begins with, as parts are: one number, none where the model knows no such token."""
        token = self.tokenizer.start_token_id
        return [] if token is None else [int(token) + 1]

    def pieces(self, texts: tf.Tensor, width: int) -> tf.Tensor:
        """The first tokens of texts string `[batch]`, int32 `[batch, width]`, as they are behind a text and a space.

        Tokenizers write the beginning of a text otherwise than a word within it.
        """
        texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8")  # what is no UTF-8 is replaced
        texts = tf.strings.substr(texts, 0, CHARACTERS * width, "UTF8_CHAR")
        found = self._tokens(tf.strings.join([SEPARATOR, texts], " "))[:, self.lead :] + 1
        return tf.where((texts != "")[:, None], found.to_tensor(0, shape=[None, width]), 0)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def _tokens(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Token ids int32 `[batch, (tokens)]` as the graph finds them: out of it KerasHub asks other libraries."""
        return tf.cast(self.tokenizer(texts), tf.int32)

    def log_likelihood(self, tokens: tf.Tensor, first: tf.Tensor, width: int) -> tf.Tensor:
        """Mean log-probability of tokens given all before them, float32 `[texts]`, in nats a token.

            1/n Σ_j log p(t_j | t_1 … t_{j-1}), j from `first` to `first + n - 1`, n at most `width`

        The mean, not the sum: a long title is no worse than a short one for its length. 0 without any token.

        Args:
            tokens: int32 `[texts, length]`, then zeros.
            first: int32 `[texts]`, from 1.
            width: how many are scored, at most.
        """
        present, ids = tokens > 0, tf.maximum(tokens - 1, 0)
        states = self.backbone({"token_ids": ids, "padding_mask": tf.cast(present, tf.int32)}, training=False)
        place = first[:, None] + tf.range(width)
        inside = place < tf.shape(tokens)[1]
        place = tf.where(inside, place, 1)
        # a vocabulary is large: only the states before scored tokens are asked for what comes next
        logits = self.backbone.token_embedding(tf.gather(states, place - 1, batch_dims=1), reverse=True)
        asked = tf.gather(ids, place, batch_dims=1)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(asked, tf.cast(logits, tf.float32))
        counted = tf.cast(inside & tf.gather(present, place, batch_dims=1), tf.float32)
        return -tf.math.divide_no_nan(tf.reduce_sum(loss * counted, 1), tf.reduce_sum(counted, 1))

    def write(self, prompt: str, *, tokens: int) -> str:
        """What the model writes behind a prompt, always its likeliest word: so many tokens, or up to `LENGTHS` more.

        The graph is traced once for each multiple of `LENGTHS`, which takes seconds.
        """
        length = int(self._tokens(tf.constant([prompt])).row_lengths()[0]) + len(self.start) + tokens
        return str(self.generate(prompt, max_length=-(-length // LENGTHS) * LENGTHS, strip_prompt=True))
