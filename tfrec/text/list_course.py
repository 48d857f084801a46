"""What a language model learns from lists: what came next before what might have, given the history; and an exam by
texts held out."""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from tfrec.data.text_lists import NONE, TextLists
from tfrec.text.encoder import TextEncoder
from tfrec.text.held_out import HeldOutTexts, some_questions
from tfrec.text.list_model import DECAY, ListModel

EPS = 1e-12


class HeldOutLists(HeldOutTexts):
    """Held-out texts are ranked by their likeness to histories of others that they came next after.

    Args:
        lists: all of them.
        held: the texts that are not learned from, bool `[texts]`; they are ranked among each other.
        rng: draws the questions where there are too many.
    """

    def __init__(self, lists: TextLists, held: np.ndarray, rng: np.random.Generator) -> None:
        asked = lists.unread(held)
        asked = asked.take(np.flatnonzero(held[asked.answers]))
        self.lists = asked.take(some_questions(len(asked), rng))
        new = np.flatnonzero(held)
        answers = np.searchsorted(new, self.lists.answers)
        super().__init__(
            [lists.texts[text] for text in new], answers, lists.met[self.lists.user][:, new].toarray()
        )

    def asked(self) -> np.ndarray:
        read = np.unique(self.lists.history)
        vectors = self.model.encoder.encode(["" if text == NONE else self.lists.texts[text] for text in read])
        events = vectors[np.searchsorted(read, self.lists.history)]
        mean = np.einsum("le,led->ld", weights(self.lists.history), events)
        return mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), EPS)


class ListCourse:
    """Lessons of lists.

    Args:
        lists: what may be learned from.
        rng: of what is held out and of the batches.

    Attributes:
        texts: all of them.
        exam: on those held out.
        pairs: of a history and what came next, how many make an epoch.
        reads: texts of each of them.
    """

    def __init__(self, lists: TextLists, rng: np.random.Generator) -> None:
        held = lists.hold_out(rng)
        self.texts, self.exam = lists.texts, HeldOutLists(lists, held, rng)
        self.known, self.rng = lists.without(held), rng
        self.pairs, self.reads = len(self.known), lists.history.shape[1] + lists.candidates.shape[1]

    def model(self, encoder: TextEncoder, *, xla: bool) -> ListModel:
        """What learns from `batches`."""
        return ListModel(encoder, xla=xla)

    def batches(self, tokens: np.ndarray, batch: int) -> tf.data.Dataset:
        """Batches of so many lists, without end; lists that do not fill one wait for the next turn.

        Args:
            tokens: int32 `[texts, length]`.
            batch: lists, at most `pairs`.
        """
        whole = self.pairs // batch * batch

        def lessons() -> Iterator[dict[str, np.ndarray]]:
            while True:
                for chosen in self.rng.permutation(self.pairs)[:whole].reshape(-1, batch):
                    lists = self.known.take(chosen)
                    yield {
                        "history": tokens[lists.history],  # what stands for `NONE` weighs nothing
                        "weight": weights(lists.history),
                        "candidates": tokens[lists.candidates],
                        "rival": rivals(lists),
                    }

        events, longest = self.known.history.shape[1], self.known.candidates.shape[1]
        return tf.data.Dataset.from_generator(
            lessons,
            output_signature={
                "history": tf.TensorSpec([batch, events, tokens.shape[1]], tf.int32),
                "weight": tf.TensorSpec([batch, events], tf.float32),
                "candidates": tf.TensorSpec([batch, longest, tokens.shape[1]], tf.int32),
                "rival": tf.TensorSpec([batch, batch * longest], tf.bool),
            },
        )


def weights(history: np.ndarray) -> np.ndarray:
    """`DECAY` to the number of later events, 0 where there is none: float32 of the shape `[lists, events]`."""
    present = history != NONE
    later = present[:, ::-1].cumsum(1)[:, ::-1] - 1
    return np.where(present, DECAY**later, 0).astype(np.float32)


def rivals(lists: TextLists) -> np.ndarray:
    """Which candidates of all lists stand against the answer of each: those that its user has never met.

    bool `[lists, lists · list]`; each of a text's further places counts too, as it does in a sampled softmax.
    """
    texts = lists.candidates.ravel()
    return (texts != NONE) & ~lists.met[lists.user][:, np.maximum(texts, 0)].toarray()
