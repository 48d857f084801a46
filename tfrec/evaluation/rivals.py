"""Fits every baseline on what the model was fitted on, and ranks the same targets by the same protocol.

The link between `baselines.py` (which knows no targets) and `protocol.py` (which knows no model). A baseline
that cannot be fitted here is null in metrics.json, and its reason is kept beside it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfrec.data.histories import Histories
from tfrec.data.splits import Targets
from tfrec.evaluation.baselines import BASELINES, LeftOutError
from tfrec.evaluation.protocol import Ranking, batch_for, measure, measure_slices, rank_targets

Section = dict[str, Any]


@dataclass(frozen=True)
class Rivals:
    """What became of the baselines.

    Attributes:
        rankings: of those that ran, for paired comparisons.
        left_out: the reason of each one that did not.
    """

    rankings: dict[str, Ranking] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def rank_rivals(
    trained: Histories,
    targets: Targets,
    seen: Histories,
    n_items: int,
    *,
    texts: Sequence[str] | None = None,
    mask_seen: bool = True,
    names: Sequence[str] = tuple(BASELINES),
    on_start: Callable[[str], None] = lambda name: None,
) -> Rivals:
    """Runs the named baselines, one after the other; only one is in memory at a time.

    Args:
        trained: what the baselines may learn from; the model must have had no more and no less.
        targets: the held-out items.
        seen: what to mask, as in `rank_targets`.
        n_items: size of the catalogue.
        texts: one for each item, see `baselines.item_words`; without them TF-IDF is left out.
        mask_seen: False where repeats are kept.
        names: keys of `BASELINES`.
        on_start: told the name of each baseline before it is fitted, for a progress bar.
    """
    rivals, batch = Rivals(), batch_for(n_items)
    for name in names:
        on_start(name)
        try:
            # the model has no name here, or it would still be held while the next one is fitted
            rivals.rankings[name] = rank_targets(
                BASELINES[name].fit(trained, n_items, texts).score,
                targets,
                seen,
                batch=batch,
                mask_seen=mask_seen,
            )
        except LeftOutError as reason:
            rivals.left_out[name] = str(reason)
    return rivals


def measure_rivals(
    rivals: Rivals,
    masks: dict[str, NDArray[np.bool_]],
    n_items: int,
    vectors: NDArray[np.floating] | None = None,
) -> dict[str, Section | None]:
    """The `baselines` of metrics.json: the usual keys and `slices` of each, None for one left out."""
    names = [name for name in BASELINES if name in rivals.rankings or name in rivals.left_out]
    return {name: _section(rivals.rankings.get(name), masks, n_items, vectors) for name in names}


def _section(
    ranking: Ranking | None,
    masks: dict[str, NDArray[np.bool_]],
    n_items: int,
    vectors: NDArray[np.floating] | None,
) -> Section | None:
    overall = None if ranking is None else measure(ranking, n_items, vectors)
    if ranking is None or overall is None:
        return None
    return {**overall, "slices": measure_slices(ranking, masks, n_items, vectors)}
