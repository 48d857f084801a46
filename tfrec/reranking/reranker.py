"""All steps of re-ranking, one after another."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfrec.config import RerankingConfig, StepName
from tfrec.data.item_content import ItemContent
from tfrec.reranking.calibration import Calibration
from tfrec.reranking.diversity import Diversity
from tfrec.reranking.draft import Draft, Step, Wishes
from tfrec.reranking.exploration import Exploration
from tfrec.reranking.fairness import Debias, Fairness, members
from tfrec.reranking.feedback import Feedback
from tfrec.reranking.rules.book import RuleBook
from tfrec.reranking.rules.rule import LIMITS
from tfrec.reranking.rules.step import Rules


class Reranker:
    """Steps by name, in their order.

    Args:
        steps: name → step.
        rules: what the owner decrees, the last step; None = there are none.
    """

    def __init__(self, steps: Mapping[str, Step], rules: Rules | None = None) -> None:
        self.steps: dict[str, Step] = dict(steps)
        if rules is not None:
            self.steps["rules"] = rules
        self.rules = rules

    @property
    def layers(self) -> list[Any]:
        """What holds variables: the models of steps that have one."""
        return [step.model for step in self.steps.values() if hasattr(step, "model")]

    def __call__(self, draft: Draft, wishes: Wishes) -> dict[str, Draft]:
        """What each step left, by name, in order; first, under "ranking", what it began with."""
        drafts = {"ranking": draft}
        for name, step in self.steps.items():
            drafts[name] = draft = step(draft, wishes)
        return drafts


def make_reranker(
    config: RerankingConfig,
    *,
    vectors: tf.Tensor,
    popularity: tf.Tensor,
    content: ItemContent,
    column: str | None,
    book: RuleBook,
    learned: Mapping[StepName, Step] | None = None,
) -> Reranker:
    """The steps that the settings name; those that could never change anything are left out.

    Args:
        config: settings.
        vectors: float32 `[items, dim]` by row, in which items are alike.
        popularity: float32 `[items]` by row, on any scale.
        content: of the catalogue.
        column: the category column.
        book: rules.
        learned: steps with models of their own; None = there are none.

    Raises:
        ValueError: fairness is to be shown to a group that there is not.
    """
    steps: dict[StepName, Step] = {
        "diversity": Diversity(vectors, config.diversify),
        "exploration": Exploration(),
        **(learned or {}),
    }
    if config.feedback:
        steps["feedback"] = Feedback(vectors, config.feedback)
    if config.debias:
        steps["debias"] = Debias(popularity, config.debias)
    if config.fair_shares:
        member = members(config.fair_column, config.fair_shares, content, popularity.numpy())
        steps["fairness"] = Fairness(member, np.array(list(config.fair_shares.values())))
    if config.calibration and column is not None:
        category = tf.constant(content.ids_of(column))
        steps["calibration"] = Calibration(category, content.spec.categories, config.calibration)
    ordered: dict[str, Step] = {name: steps[name] for name in config.order if name in steps}
    limited = {rule.column for _, rule in book.of(*LIMITS)}
    columns = {name: tf.constant(content.ids_of(name)) for name in limited}
    return Reranker(ordered, Rules(book, columns) if book.rules else None)
