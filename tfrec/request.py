"""From the strings of a batch of requests to rows: who asks, what they did, what may not come back, what they say."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfrec.data.context_graph import ContextGraph
from tfrec.data.histories import Histories
from tfrec.data.item_content import ContentSpec
from tfrec.data.user_side import Context
from tfrec.retrieval.lookup import UserMemory, compact, id_lookup
from tfrec.text.encoder import TextEncoder


class Request(NamedTuple):
    """A batch of requests as rows.

    Attributes:
        user: int32 `[batch]`, 0 = unknown.
        recent: int32 `[batch, length]`, the newest known events, oldest first, 0 at the right.
        seen: int32 `[batch, n]`, what may not come back: events of the request and the stored history, 0 = none.
        known: bool `[batch, 1]`, whether there is any event to go by.
        has_text: bool `[batch, 1]`.
        text: float32 `[batch, dim]`, the language vector of the free text, zero without one.
        context: the moment of asking; None where the model knows nothing of moments.
    """

    user: tf.Tensor
    recent: tf.Tensor
    seen: tf.Tensor
    known: tf.Tensor
    has_text: tf.Tensor
    text: tf.Tensor
    context: Context | None


class RequestReader:
    """Reads requests for one catalogue and its known users.

    Args:
        item_ids, user_ids: known ids, in the order of catalogue and histories.
        histories: what the known users did; masked, and read where a request brings no history.
        length: newest events read.
        encoder: of free text, or None.
        text_dim: width of its vectors.
        mask_seen: whether what a user has seen may not come back.
        context: how the context of the interactions was made, where there is any.
        hidden: bool `[items]`, items that no model has seen: never read as an event, though masked once seen.
    """

    def __init__(
        self,
        item_ids: Sequence[str],
        user_ids: Sequence[str],
        histories: Histories,
        *,
        length: int,
        encoder: TextEncoder | None,
        text_dim: int,
        mask_seen: bool,
        context: ContentSpec | None = None,
        hidden: np.ndarray | None = None,
    ) -> None:
        self.items, self.users = id_lookup(item_ids), id_lookup(user_ids)
        self.memory = UserMemory.of(histories.start, histories.item)
        self.length, self.encoder, self.text_dim, self.mask_seen = length, encoder, text_dim, mask_seen
        self.context = ContextGraph(context, histories) if context else None
        self.hidden = None if hidden is None or not hidden.any() else tf.constant(np.append(False, hidden))

    @property
    def layers(self) -> list[Any]:
        """What holds variables or tables."""
        parts = [self.encoder] if self.encoder else []
        return [self.items, self.users, self.memory, *parts, *(self.context.layers if self.context else [])]

    @tf.function(autograph=False, reduce_retracing=True)  # traced once for all signatures
    def __call__(
        self,
        user_id: tf.Tensor,
        history: tf.Tensor,
        query_text: tf.Tensor,
        context: Mapping[str, tf.Tensor],
        liked: tf.Tensor | None = None,
    ) -> Request:
        """Strings `[batch]`, `[batch, n]`, `[batch]`, the inputs of `ContextGraph`, and string `[batch, n]` or None.

        A history with a known item replaces the stored one; what was liked a moment ago is the newest part of either.
        """
        user, given = tf.cast(self.users(user_id), tf.int32), self.item_rows(history)
        newest = tf.zeros_like(user)[:, None] if liked is None else self.item_rows(liked)
        stored = self.memory(user)
        read, remembered = self._shown(given), self._shown(stored)
        has_given = tf.reduce_any(read > 0, 1, keepdims=True)
        news = self._shown(newest)
        recent = tf.where(
            has_given,
            compact(tf.concat([read, news], 1), self.length),
            compact(tf.concat([remembered, news], 1), self.length),
        )
        seen = tf.concat([given, newest, stored], 1) if self.mask_seen else tf.zeros_like(user)[:, None]
        moment = self.context(context, user, ~has_given[:, 0]) if self.context else None
        return self.of_rows(user, recent, seen, query_text, context=moment)

    def _shown(self, rows: tf.Tensor) -> tf.Tensor:
        """The rows without hidden items, which become 0."""
        return rows if self.hidden is None else tf.where(tf.gather(self.hidden, rows), 0, rows)

    def of_rows(
        self,
        user: tf.Tensor,
        recent: tf.Tensor,
        seen: tf.Tensor,
        query_text: tf.Tensor | None = None,
        *,
        context: Context | None = None,
    ) -> Request:
        """Requests whose rows are known: int32 `[batch]`, `[batch, length]`, `[batch, n]`, string `[batch]`."""
        text = tf.fill(tf.shape(user), "") if query_text is None else query_text
        known = tf.reduce_any(recent > 0, 1, keepdims=True)
        return Request(user, recent, seen, known, (text != "")[:, None], self._vectors(text), context)

    def item_rows(self, ids: tf.Tensor) -> tf.Tensor:
        """Item ids → rows int32 of the same shape, 0 for an unknown one."""
        return tf.cast(self.items(ids), tf.int32)

    def _vectors(self, text: tf.Tensor) -> tf.Tensor:
        """Language vectors `[batch, dim]`; the model runs only when some row has text."""
        nothing, encoder = tf.zeros([tf.shape(text)[0], self.text_dim]), self.encoder
        if encoder is None:
            return nothing
        return tf.cond(tf.reduce_any(text != ""), lambda: encoder.forward(text), lambda: nothing)
