"""Explanations in the tiny world: what is said to carry a score does carry it."""

import numpy as np
import pytest

from tests.tiny_world import USERS, answer, item, user, walk
from tfrec.evaluation.intervals import mean_interval
from tfrec.explain import HISTORY, Explainer, ExplanationError
from tfrec.funnel import Funnel


@pytest.fixture(scope="module")
def explainer(world_funnel: Funnel) -> Explainer:
    return Explainer(world_funnel)


def test_the_parts_make_the_score_that_rank_gives(explainer, world_funnel):
    import tensorflow as tf

    found = explainer(user(3), answer(3))
    score = world_funnel.signatures.rank(
        tf.constant([user(3)]), tf.constant([[""]]), tf.constant([""]), tf.constant([["", answer(3)]])
    )["score"][0, 1]
    assert found.score == pytest.approx(float(score), abs=1e-4)
    assert found.base + sum(found.groups.values()) + found.groups_error == pytest.approx(
        found.score, abs=1e-4
    )
    added = sum(event.share for event in found.events)
    assert found.events_base + added + found.events_error == pytest.approx(found.score, abs=1e-4)
    assert abs(found.groups_error) < 0.02 * sum(map(abs, found.groups.values()))
    assert abs(found.events_error) < 1e-6
    assert list(found.groups) == [*world_funnel.signatures.slate.features.groups, HISTORY]


def test_every_event_is_named_once(explainer):
    found = explainer("nobody", item("space", 5), walk(0, 4))
    assert sorted(event.item_id for event in found.events) == sorted(walk(0, 4))
    assert [event.share for event in found.events] == sorted((e.share for e in found.events), reverse=True)


def test_removing_the_most_cited_event_costs_more_than_removing_another(explainer):
    rng, more = np.random.default_rng(0), []
    for number in range(0, USERS, 3):
        history, wanted = walk(number)[:-1], answer(number)
        cited = explainer("nobody", wanted, history).events[0].item_id
        other = rng.choice([event for event in history if event != cited])
        without = [[event for event in history if event != gone] for gone in (cited, other)]
        left = explainer.scores("nobody", wanted, without)
        more.append(left[1] - left[0])
    assert mean_interval(more).low > 0


@pytest.mark.parametrize(
    ("who", "what", "message"),
    [
        ("nobody", item("space", 1), "`user` must be a known user"),
        (user(1), "no such item", "`item` must be"),
    ],
)
def test_what_cannot_be_explained_is_refused(explainer, who, what, message):
    with pytest.raises(ExplanationError, match=rf"{message}.* Received: "):
        explainer(who, what)
