"""What the removal of a cited event costs, with scores that are known."""

from types import SimpleNamespace

import numpy as np

from benchmarks import reason_faithfulness as module

WORTH = {"a": 3.0, "b": 1.0, "c": 0.5}


class Explainer:
    """An item's score is the worth of the events that are there."""

    def __init__(self, funnel):
        self.funnel = funnel

    def scores(self, user, item, histories):
        return np.array([sum(WORTH[event] for event in history) for history in histories])


def test_the_cited_event_against_the_mean_of_the_others(monkeypatch):
    monkeypatch.setattr(module, "Explainer", Explainer)
    reasons = ["because of Title a", "popular", "because of nobody's", "because of Title c"]
    funnel = SimpleNamespace(
        titles={event: f"Title {event}" for event in WORTH},
        recommend=lambda *_, **__: [SimpleNamespace(item_id="x", reason=reason) for reason in reasons],
    )
    pairs = list(module.removals(funnel, ["a", "b", "c"], k=4))
    np.testing.assert_allclose(pairs, [(3.0, (1.0 + 0.5) / 2), (0.5, (3.0 + 1.0) / 2)])
