"""Pins, caps and rows of the same: the slate place by place, in the order of the draft as far as these allow."""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from tfrec.reranking.draft import ABSENT, Draft
from tfrec.reranking.greedy import choose, without

NOW = 1e12  # it is this pin's turn
MONOTONE = 1e6  # enough of this value in a row: only when there is nothing else
HELD = 1e9  # a pin whose turn is still to come: only when the slate would end


class Limit(NamedTuple):
    """How many items of one value there may be.

    Attributes:
        ids: int32 `[batch, list, slots]`, values of each candidate, 0 = none.
        most: int32 scalar.
        in_a_row: whether only neighbours count.
    """

    ids: tf.Tensor
    most: tf.Tensor
    in_a_row: bool


class Pins(NamedTuple):
    """Which candidate has a place of its own.

    Attributes:
        turn: int32 `[batch, list]`, from 0; -1 = none.
    """

    turn: tf.Tensor


def arrange(draft: Draft, pins: Pins, limits: Sequence[Limit], count: tf.Tensor) -> Draft:
    """The draft with each pin in its place and the limits kept; the slate ends where these leave nothing.

    A pin comes in any case, so a cap counts it from the start; what would be too many in a row is taken when nothing
    else is left. int32 scalar `count` is the length of the slate: no more is arranged, and nothing else is kept.
    """
    order = -tf.cast(tf.range(tf.shape(draft.rows)[1]), tf.float32)
    left = tf.where(draft.present, order, ABSENT)
    pinned = pins.turn >= 0

    def worth(left: tf.Tensor, counts: tuple[tf.Tensor, ...], turn: tf.Tensor) -> tf.Tensor:
        value = left - tf.where(pinned, HELD, 0.0)
        for limit, number in zip(limits, counts, strict=True):
            full = tf.reduce_any((number >= limit.most) & (limit.ids > 0), 2)
            value = tf.where(full & ~pinned, value - MONOTONE if limit.in_a_row else ABSENT, value)
        return tf.where(left > ABSENT, tf.where(pins.turn == turn, NOW, value), ABSENT)

    def update(
        _: tf.Tensor, state: tuple[tf.Tensor, tuple[tf.Tensor, ...]], turn: tf.Tensor, best: tf.Tensor
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, tuple[tf.Tensor, ...]]]:
        left, counts = without(state[0], best), state[1]
        counted = ~tf.gather(pinned, best, batch_dims=1)[:, None, None]  # a pin was counted before
        now = []
        for limit, number in zip(limits, counts, strict=True):
            same = _shared(limit.ids, tf.gather(limit.ids, best, batch_dims=1)[:, None])
            more = number + tf.cast(same if limit.in_a_row else same & counted, tf.int32)
            now.append(tf.where(same, more, 0) if limit.in_a_row else more)
        return worth(left, tuple(now), turn + 1), (left, tuple(now))

    counts = tuple(_reserved(limit, pinned) for limit in limits)
    places, values = choose(worth(left, counts, tf.constant(0)), count, (left, counts), update)
    taken = tf.reduce_sum(tf.cast(values > ABSENT, tf.int32), 1, keepdims=True)
    return draft.led_by(places, tf.fill(tf.shape(taken)[:1], count)).without(
        tf.range(tf.shape(draft.rows)[1]) >= taken
    )


def _reserved(limit: Limit, pinned: tf.Tensor) -> tf.Tensor:
    """How many pins have each value of each candidate, int32 `[batch, list, slots]`."""
    if limit.in_a_row:
        return tf.zeros_like(limit.ids)
    of_pins = tf.reshape(tf.where(pinned[..., None], limit.ids, 0), [tf.shape(pinned)[0], -1])
    line = tf.broadcast_to(tf.range(tf.shape(of_pins)[0])[:, None], tf.shape(of_pins))
    sizes = [tf.shape(of_pins)[0], tf.reduce_max(limit.ids) + 1]
    number = tf.scatter_nd(tf.stack([line, of_pins], -1), tf.ones_like(of_pins), sizes)  # of each value
    return tf.where(limit.ids > 0, tf.gather(number, limit.ids, batch_dims=1), 0)


def _shared(ids: tf.Tensor, picked: tf.Tensor) -> tf.Tensor:
    """Which values of ids int32 `[batch, list, slots]` the picked one has, `[batch, 1, slots]`: bool as ids."""
    return tf.reduce_any(ids[..., None] == picked[:, :, None], 3) & (ids > 0)
