"""What a language model learns from companions: every text beside one of its own, and an exam by texts held out.

Every text is taken once in turn, with a companion drawn from its own: a popular item is an anchor no more often than a
rare one.
"""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from tfrec.data.companions import Companions
from tfrec.text.encoder import TextEncoder
from tfrec.text.held_out import HeldOutTexts, some_questions
from tfrec.text.pair_model import PairModel


class HeldOutPairs(HeldOutTexts):
    """Held-out texts are ranked by their likeness to a learned companion.

    Args:
        companions: all of them.
        held: the texts that are not learned from, bool `[texts]`; they are ranked among each other.
        rng: draws the questions where there are too many.
    """

    def __init__(self, companions: Companions, held: np.ndarray, rng: np.random.Generator) -> None:
        known, new = np.flatnonzero(~held), np.flatnonzero(held)
        asked, answers = companions.between(known, new).nonzero()
        chosen = some_questions(len(asked), rng)
        asked, answers = asked[chosen], answers[chosen]
        pool = [companions.texts[text] for text in new]
        super().__init__(pool, answers, companions.between(known[asked], new))
        self.questions = [companions.texts[text] for text in known[asked]]

    def asked(self) -> np.ndarray:
        return self.model.encoder.encode(self.questions)


class PairCourse:
    """Lessons of pairs.

    Args:
        companions: what may be learned from.
        rng: of what is held out and of the batches.

    Attributes:
        texts: all of them.
        exam: on those held out.
        pairs: how many make an epoch.
        reads: texts of each of them.
    """

    reads = 2

    def __init__(self, companions: Companions, rng: np.random.Generator) -> None:
        held = companions.hold_out(rng)
        self.texts, self.exam = companions.texts, HeldOutPairs(companions, held, rng)
        self.known, self.rng = companions.without(held), rng
        self.pairs = len(self.known.accompanied)

    def model(self, encoder: TextEncoder, *, xla: bool) -> PairModel:
        """What learns from `batches`."""
        return PairModel(encoder, xla=xla)

    def batches(self, tokens: np.ndarray, batch: int) -> tf.data.Dataset:
        """Batches of so many pairs, without end; anchors that do not fill one wait for the next turn.

        Args:
            tokens: int32 `[texts, length]`.
            batch: pairs, at most `pairs`.
        """
        anchors, width, whole = self.known.accompanied, tokens.shape[1], self.pairs // batch * batch

        def pairs() -> Iterator[dict[str, np.ndarray]]:
            while True:
                for anchor in self.rng.permutation(anchors)[:whole].reshape(-1, batch):
                    companion = self.known.draw(anchor, self.rng)
                    rival = ~self.known.between(anchor, companion) & (anchor[:, None] != companion)
                    yield {"anchor": tokens[anchor], "companion": tokens[companion], "rival": rival}

        ids, flags = tf.TensorSpec([batch, width], tf.int32), tf.TensorSpec([batch, batch], tf.bool)
        signature = {"anchor": ids, "companion": ids, "rival": flags}
        return tf.data.Dataset.from_generator(pairs, output_signature=signature)
