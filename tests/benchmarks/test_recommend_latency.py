"""The rules that the latency is measured with can hold."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.recommend_latency import measure, some_rules
from tfrec.reranking.rules.book import make_book
from tfrec.reranking.rules.read import read_rules
from tfrec.schema import Role

IDS = [f"item: {n}" for n in range(100)]  # a colon would break a YAML that is not quoted


@pytest.mark.parametrize(("category", "number"), [("kind", 5), (None, 3)])
def test_a_catalogue_can_be_ruled(category, number):
    rules = read_rules(some_rules(IDS, category))
    assert len(rules) == number
    items = pd.DataFrame({"item_id": IDS, "kind": np.resize(["a", "b", "c"], len(IDS))})
    book = make_book(rules, items, {"kind": Role.CATEGORY}, k=20)
    assert book.bans().any(0).sum() == 10


def test_kinds_take_turns():
    calls = []
    figures = measure({name: lambda i, name=name: calls.append((i, name)) for name in "ab"}, 3)
    assert calls == [(i, name) for i in range(3) for name in "ab"]
    assert all(0 <= one["p50"] <= one["p99"] for one in figures.values())
