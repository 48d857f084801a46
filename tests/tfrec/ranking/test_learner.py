"""A learner that has learned before learns as a new one does, in the graphs that it has."""

import numpy as np
import pytest

from tfrec.config import RankingConfig
from tfrec.ranking.learner import Learner, lessons
from tfrec.ranking.ranker import Ranker

CONFIG = RankingConfig(
    units=8, learning_rate=0.03, batch=16, epochs=3
)  # with dropout: its chance begins anew too


@pytest.mark.parametrize("more", [{}, {"accumulate": 2, "precision": "mixed_float16"}])
def test_it_learns_again_as_if_it_were_new(lists, retriever, monkeypatch, more):
    tables = retriever.vectors, retriever.model.blend.content
    learner = Learner(tables, CONFIG.model_copy(update=more))
    first = learner.fit(lists, seed=3).with_tables(*tables)
    traced: list[bool] = []
    logits = Ranker.logits
    monkeypatch.setattr(Ranker, "logits", lambda *a, **k: traced.append(k["training"]) or logits(*a, **k))
    half = lists.take(np.arange(0, len(lists.labels), 2))
    other, again = (learner.fit(some, seed=3).with_tables(*tables) for some in (half, lists))
    assert not any(traced)  # what is predicted may be traced once more, for lists of another number
    for ours, theirs in zip(again.get_weights(), first.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    assert not np.allclose(other(lists.inputs), again(lists.inputs), atol=1e-2)


def test_no_fold_is_learned_from_by_the_member_that_it_stops():
    rest, held = np.arange(10, 53), np.arange(10)
    found = lessons(rest, held, RankingConfig(ensemble=4, members="folds"))
    assert sorted(np.concatenate([valid for _, valid in found])) == rest.tolist()
    for train, valid in found:
        assert sorted([*train, *valid]) == rest.tolist()
    assert lessons(rest, held, RankingConfig(ensemble=1, members="folds"))[0][1] is held
