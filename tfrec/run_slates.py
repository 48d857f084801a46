"""The slates of a finished run: at the moments that its models learn from, and at the targets that they are asked for.

What reads slates may be trained long after the run, on another machine; this is where it gets them.
"""

from tfrec.data.histories import Histories
from tfrec.data.moments import Moments, held_out, held_out_moments, moments_of
from tfrec.ranking.fit import build_pair_features
from tfrec.ranking.lists import make_lists
from tfrec.reranking.slates import Slates, ranked_slates
from tfrec.retrieval.fit import remember
from tfrec.retrieval.retriever import Retriever
from tfrec.run import Fit, Run
from tfrec.stages import Stages


def learning_slates(run: Run, fit: Fit = "valid", *, n: int = 50) -> Slates:
    """Slates at the held-out moments of a fit, for models that learn an order.

    Co-occurrence, popularity and trend are those before the moments, but the towers have caught up with them and the
    ranker has learned from them: both are better here than at the targets. A model that reads their scores should
    learn from the slates that the fit itself made (`tfrec.training`); one that reads texts may learn from these.
    """
    known, stages = run.known(fit), run.load_stages(fit)
    earlier = known.head(known.lengths - held_out(known))
    remember(stages.two_tower, earlier)
    moments = held_out_moments(known, run.config.ranking.lists, run.config.seed)
    return _slates(run, stages, earlier, known, moments, n=n)


def target_slates(run: Run, fit: Fit = "valid", *, n: int = 50) -> Slates:
    """Slates at the targets of a fit, line by line those of `run.targets(fit)`: none of its models has seen them."""
    past = run.past(fit)
    return _slates(run, run.load_stages(fit), run.known(fit), past, moments_of(past, run.targets(fit)), n=n)


def _slates(
    run: Run, stages: Stages, known: Histories, full: Histories, moments: Moments, *, n: int
) -> Slates:
    config = run.config
    retriever = Retriever(stages.two_tower)
    features = build_pair_features(
        known,
        run.content,
        retriever,
        neighbours_kept=config.ranking.neighbours,
        groups=config.ranking.groups,
    )
    lists = make_lists(
        retriever,
        features,
        full,
        moments,
        candidates=config.ranking.candidates,
        length=config.retrieval.length,
        mask_seen=config.data.repeats == "first",
        side=run.side,
        unknown=run.hidden,
    )
    return ranked_slates(stages.ranker, lists, moments.user, n=n)
