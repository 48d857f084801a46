"""Rules in the graph: what may never come, what comes in addition, and the last step of re-ranking."""

import tensorflow as tf

from tfrec.reranking.draft import ABSENT, Draft, Wishes
from tfrec.reranking.rules.arrange import Limit, Pins, arrange
from tfrec.reranking.rules.book import RuleBook
from tfrec.reranking.rules.rule import LIMITS, Action


class Rules:
    """A book of rules as graph functions; which rules hold now is asked of the clock of whoever serves.

    Rules come after all other steps, so that nothing undoes them.

    Args:
        book: the rules.
        columns: column → int32 `[items + 1, slots]`, ids of its values by row, 0 = none; those of caps and rows.
    """

    def __init__(self, book: RuleBook, columns: dict[str, tf.Tensor]) -> None:
        self.book = book
        self.timed = any(rule.is_timed for rule in book.rules)
        self.start, self.end = ([getattr(rule, name) for rule in book.rules] for name in ("start", "end"))
        self.bans, self.matches = tf.constant(book.bans()), tf.constant(book.matches.T)
        pins = list(book.of(Action.PIN))
        self.pin_rule = [place for place, _ in pins]
        self.pin_row = tf.constant([book.pinned(place) for place, _ in pins], tf.int32)
        self.pin_turn = tf.constant([rule.position - 1 for _, rule in pins], tf.int32)
        signs = {Action.BOOST: 1.0, Action.BURY: -1.0}
        self.by = tf.constant([signs.get(rule.action, 0.0) * rule.by for rule in book.rules], tf.float32)
        self.moves = any(book.of(Action.BOOST, Action.BURY))
        self.columns = columns

    def hold(self) -> tf.Tensor:
        """Which rules hold now, bool `[rules]`."""
        if not self.timed:
            return tf.ones([len(self.book.rules)], tf.bool)
        now = tf.timestamp()
        start, end = tf.constant(self.start, tf.float64), tf.constant(self.end, tf.float64)
        return (start <= now) & (now < end)

    def banned(self) -> tf.Tensor | None:
        """What may not be served now, bool `[items + 1]`; None where no rule ever keeps anything away."""
        if not self.book.bans().any():
            return None
        if not self.timed:
            return tf.constant(self.book.bans().any(0))
        return tf.reduce_any(self.bans & self.hold()[:, None], 0)

    def with_pinned(self, rows: tf.Tensor, forbidden: tf.Tensor) -> tf.Tensor:
        """Candidates int32 `[batch, list]` with the pinned items that are not among them, 0 where nothing is added.

        Args:
            rows: candidates.
            forbidden: bool `[batch, pins]`, which of `pin_row` a request may not be shown.
        """
        found = tf.reduce_any(rows[:, :, None] == self.pin_row, 1)
        hold = tf.gather(self.hold(), tf.constant(self.pin_rule, tf.int32))
        return tf.concat([rows, tf.where(forbidden | found | ~hold, 0, self.pin_row)], 1)

    def __call__(self, draft: Draft, wishes: Wishes) -> Draft:
        hold = self.hold()
        banned = self.banned()
        if banned is not None:  # recall keeps them out already: this is for whoever gives other candidates
            draft = draft.without(tf.gather(banned, draft.rows))
        if self.moves:
            by = self.by * tf.cast(hold, tf.float32)
            moved = tf.linalg.matvec(tf.cast(tf.gather(self.matches, draft.rows), tf.float32), by)
            draft = draft.rescored(draft.score + tf.where(draft.score > ABSENT, moved, 0.0))
        limits = [
            Limit(
                tf.gather(self.columns[rule.column], draft.rows),
                tf.where(hold[place], rule.at_most, tf.int32.max),
                rule.action == Action.IN_A_ROW,
            )
            for place, rule in self.book.of(*LIMITS)
        ]
        if not limits and not self.pin_rule:
            return draft
        return arrange(
            draft, self._pins(draft, hold), limits, tf.minimum(wishes.longest, tf.shape(draft.rows)[1])
        )

    def promoter(self, rows: tf.Tensor) -> tf.Tensor:
        """The name of the first pin or boost that holds and means each row int32 `[batch, n]`, "" for none."""
        kinds = tf.constant([rule.action in (Action.PIN, Action.BOOST) for rule in self.book.rules])
        means = tf.gather(self.matches, rows) & kinds & self.hold()
        first = tf.argmax(tf.cast(means, tf.int32), 2, output_type=tf.int32)
        names = tf.gather(tf.constant([rule.name for rule in self.book.rules]), first)
        return tf.where(tf.reduce_any(means, 2), names, "")

    def _pins(self, draft: Draft, hold: tf.Tensor) -> Pins:
        is_pin = (draft.rows[:, :, None] == self.pin_row) & tf.gather(
            hold, tf.constant(self.pin_rule, tf.int32)
        )
        turn = (
            tf.reduce_max(tf.where(is_pin, self.pin_turn, -1), 2)
            if self.pin_rule
            else tf.zeros_like(draft.rows) - 1
        )
        return Pins(turn)
