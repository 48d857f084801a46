"""Fairness to groups of items: the places that each must have, and less weight of popularity."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from tfrec.data.item_content import ItemContent
from tfrec.reranking.draft import ABSENT, Draft, Wishes, clipped, scaled, where_asked
from tfrec.reranking.greedy import choose, without
from tfrec.reranking.random_draw import uniform

POPULARITY = "popularity"
HEAD, TAIL = "head", "tail"
HEAD_SHARE = 0.2  # of the items, the most popular ones
LACKING = 1e6  # before any candidate of a group that has what it must have
ROUNDING = 1e-4  # a share of places is whole where only float32 says that it is not


class Fairness:
    """The step that gives groups of items their least share of every prefix of the slate.

    Of the first p places a group gets at least `floor(λ · share · p + u)`, as long as it has candidates; else the order
    stays. That is DetGreedy's lower bound (Geyik et al. 2019, "Fairness-Aware Ranking in Search & Recommendation
    Systems", algorithm 1), the prefix condition of FA*IR. u in [0, 1) is an own one for each request, so that over many
    requests the places of every length of prefix amount to the share itself, not to what rounding leaves of it.

    Args:
        member: bool `[items, groups]` by row, who belongs to which group.
        shares: the least share of each group, at λ = 1.
    """

    def __init__(self, member: np.ndarray, shares: np.ndarray) -> None:
        self.member, self.shares = tf.constant(member), tf.constant(shares, tf.float32)

    def __call__(self, draft: Draft, wishes: Wishes) -> Draft:
        strength = clipped(wishes.fairness)
        offset = uniform(wishes.seed[:, None], tf.range(tf.shape(self.shares)[0])[None])
        offset = tf.minimum(offset, 1.0 - 2.0 * ROUNDING) + ROUNDING

        def fair() -> Draft:
            member = tf.gather(self.member, draft.rows)
            share = strength[:, None] * self.shares
            order = -tf.cast(tf.range(tf.shape(draft.rows)[1]), tf.float32)

            def worth(left: tf.Tensor, count: tf.Tensor, turn: tf.Tensor) -> tf.Tensor:
                least = tf.floor(share * tf.cast(turn + 1, tf.float32) + offset)
                lacking = tf.cast(member & (count < least)[:, None], tf.float32)
                return tf.where(left > ABSENT, left + LACKING * tf.reduce_sum(lacking, 2), ABSENT)

            def update(
                _: tf.Tensor, state: tuple[tf.Tensor, tf.Tensor], turn: tf.Tensor, best: tf.Tensor
            ) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
                left = without(state[0], best)
                count = state[1] + tf.cast(tf.gather(member, best, batch_dims=1), tf.float32)
                return worth(left, count, turn + 1), (left, count)

            left = tf.where(draft.present, order, ABSENT)
            nobody = tf.zeros([tf.shape(draft.rows)[0], len(self.shares)])  # of the batch that the loop knows
            length = tf.minimum(wishes.longest, tf.shape(draft.rows)[1])
            places, _ = choose(worth(left, nobody, tf.constant(0)), length, (left, nobody), update)
            return draft.led_by(places, wishes.k)

        return where_asked(strength, draft, fair)


class Debias:
    """The step that takes `strength` times the popularity from the score, both between 0 and 1 over the candidates.

    Args:
        popularity: float32 `[items]` by row, on any scale.
        strength: above 0.
    """

    def __init__(self, popularity: tf.Tensor, strength: float) -> None:
        self.popularity, self.strength = popularity, strength

    def __call__(self, draft: Draft, wishes: Wishes) -> Draft:
        popularity = scaled(tf.gather(self.popularity, draft.rows), draft.present)
        return draft.rescored(tf.where(draft.present, draft.score - self.strength * popularity, ABSENT))


def members(
    column: str, groups: Mapping[str, float], content: ItemContent, popularity: np.ndarray
) -> np.ndarray:
    """Who belongs to which group, bool `[items, groups]` by row, in the order of `groups`.

    Args:
        column: "popularity", whose groups are "head" (a fifth of the items) and "tail", or a categorical column.
        groups: names of the groups.
        content: of the catalogue.
        popularity: float `[items]` by row.

    Raises:
        ValueError: a group that the column does not have.
    """
    if column == POPULARITY:
        rank = np.empty(len(popularity), int)
        rank[np.append(1 + np.argsort(-popularity[1:], kind="stable"), 0)] = np.arange(len(popularity))
        is_head = rank < round(HEAD_SHARE * (len(popularity) - 1))
        known = {HEAD: is_head, TAIL: ~is_head}
    else:
        tokens = {token: place + 1 for place, token in enumerate(content.spec.vocabulary)}
        ids = {name: tokens.get(f"{column}={name}") for name in groups}
        known = {name: (content.category == id_).any(1) for name, id_ in ids.items() if id_}
    for name in groups:
        if name not in known:
            raise ValueError(
                f"reranking.fair_shares must name groups of reranking.fair_column, {column!r}. Received: {name!r}."
            )
    table = np.stack([known[name] for name in groups], 1)
    return table & (np.arange(len(table)) > 0)[:, None]
