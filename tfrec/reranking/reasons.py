"""Why an item is in the slate, in one short phrase of evidence, as string ops of the graph."""

from typing import NamedTuple

import tensorflow as tf

from tfrec.reranking.phrases import Phrases
from tfrec.retrieval.lookup import marked

SHOWN_CHARACTERS = 48  # of a free text
STRANGE = 0.3  # cosine to the most similar event below which an item is not said to come from it


class Evidence(NamedTuple):
    """What may have brought items into the slates of a batch.

    Attributes:
        recent: int32 `[batch, length]`, rows of the history, 0 = none.
        query_text: string `[batch]`, free text, "" = none.
        text: float32 `[batch, dim]`, its vector, zero without one.
        language: string `[batch]`, of the answer.
        promoted: string `[batch, slate]`, the rule that moved the item up, "" = none.
    """

    recent: tf.Tensor
    query_text: tf.Tensor
    text: tf.Tensor
    language: tf.Tensor
    promoted: tf.Tensor


class Reasons:
    """The strongest evidence for each item, in words.

    A rule that moved it up; else the free text or the event of the history, whichever the item resembles more; an item
    that resembles no event and shares no category with any is new for the user; with nothing to go by it is popular.

    Args:
        titles: string `[items]` by row.
        vectors: float32 `[items, dim]` by row, of language where the model reads text.
        category: int32 `[items, slots]` by row, ids of the category column, 0 = none.
        categories: how many ids there are, id 0 included.
        phrases: in which to speak.
    """

    def __init__(
        self, titles: tf.Tensor, vectors: tf.Tensor, category: tf.Tensor, categories: int, phrases: Phrases
    ) -> None:
        self.titles, self.vectors, self.phrases = titles, vectors, phrases
        self.category, self.categories = category, categories

    def __call__(self, rows: tf.Tensor, evidence: Evidence) -> tf.Tensor:
        """For rows int32 `[batch, slate]`, 0 = no item: string `[batch, slate]`, "" where there is no item.

        The reason of an empty slate stands in its first place.
        """
        spoken = self.phrases.spoken(evidence.language)
        nearest, likeness = self._nearest(rows, evidence.recent)
        has_text, matches = evidence.query_text[:, None] != "", self._matches(rows, evidence.text)
        reason = tf.where(
            nearest > 0,
            self.phrases("because_of", spoken, tf.gather(self.titles, nearest)),
            self.phrases("popular", spoken),
        )
        is_strange = (nearest > 0) & (likeness < STRANGE) & self._is_elsewhere(rows, evidence.recent)
        reason = tf.where(is_strange, self.phrases("new_for_you", spoken), reason)
        said = self.phrases("matches", spoken, _short(evidence.query_text)[:, None])
        reason = tf.where(has_text & ((nearest == 0) | (matches > likeness)), said, reason)
        promoted = self.phrases("promoted", spoken, evidence.promoted)
        reason = tf.where(rows > 0, tf.where(evidence.promoted != "", promoted, reason), "")
        is_empty = ~tf.reduce_any(rows > 0, 1, keepdims=True) & (tf.range(tf.shape(rows)[1]) == 0)
        return tf.where(is_empty, self.phrases("nothing_left", spoken), reason)

    def _nearest(self, rows: tf.Tensor, recent: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The event that each item resembles most, int32 `[batch, slate]`, 0 without a history, and how much."""
        events, slate = (tf.gather(self.vectors, some) for some in (recent, rows))
        similarity = tf.matmul(slate, events, transpose_b=True)
        similarity = tf.where((recent > 0)[:, None], similarity, tf.float32.min)
        event = tf.argmax(similarity, 2, output_type=tf.int32)
        return tf.gather(recent, event, batch_dims=1), tf.reduce_max(similarity, 2)

    def _matches(self, rows: tf.Tensor, text: tf.Tensor) -> tf.Tensor:
        """Cosine of each item to the free text, float32 `[batch, slate]`."""
        if text.shape[1] != self.vectors.shape[1]:  # items are alike by behaviour: there is no language model
            return tf.zeros(tf.shape(rows))
        return tf.linalg.matvec(tf.gather(self.vectors, rows), text)

    def _is_elsewhere(self, rows: tf.Tensor, recent: tf.Tensor) -> tf.Tensor:
        """Whether an item has a category and shares none with the history, bool `[batch, slate]`."""
        if not self.categories:
            return tf.zeros(tf.shape(rows), tf.bool)
        own, batch = tf.gather(self.category, rows), tf.shape(rows)[0]
        known = marked(tf.reshape(tf.gather(self.category, recent), [batch, -1]), self.categories)
        shared = tf.gather(known, own, batch_dims=1) & (own > 0)
        return tf.reduce_any(own > 0, 2) & ~tf.reduce_any(shared, 2)


def _short(text: tf.Tensor) -> tf.Tensor:
    """The beginning of texts string `[batch]`; bytes that are no UTF-8 are replaced: `substr` would refuse them."""
    text = tf.strings.unicode_transcode(text, "UTF-8", "UTF-8")
    is_long = tf.strings.length(text, "UTF8_CHAR") > SHOWN_CHARACTERS
    return tf.strings.substr(text, 0, SHOWN_CHARACTERS, "UTF8_CHAR") + tf.where(is_long, "…", "")
