"""Steps in the order of the settings."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tfrec.config import STEPS, ConfigError, make_config
from tfrec.data.item_content import ContentSpec, ItemContent
from tfrec.reranking.draft import Draft, Wishes
from tfrec.reranking.reranker import Reranker, make_reranker
from tfrec.reranking.rules.book import make_book
from tfrec.reranking.rules.rule import Action, Rule

SPEC = ContentSpec(0, {}, {}, ("kind",), ("kind=x", "kind=y"))
CONTENT = ItemContent(SPEC, np.zeros((4, 0), np.float32), np.array([[0], [1], [1], [2]]))
ITEMS = pd.DataFrame({"item_id": ["a", "b", "c"]})
BLOCK = Rule("R", 1, Action.BLOCK, {"item_id": frozenset("a")})


def steps(settings: dict, *, column: str | None = "kind", rules: tuple[Rule, ...] = ()) -> list[str]:
    config = make_config({"reranking": settings}).reranking
    book = make_book(rules, ITEMS, {}, k=3)
    tables = {"vectors": tf.eye(4), "popularity": tf.constant([0.0, 3.0, 2.0, 1.0])}
    return list(make_reranker(config, **tables, content=CONTENT, column=column, book=book).steps)


ALWAYS = ["feedback", "diversity", "fairness", "exploration"]  # a request may ask for them


def test_the_order_is_that_of_the_settings():
    every = {"calibration": 0.5, "debias": 0.1}
    learned = ("slate_model", "cross_encoder", "likelihood")
    assert steps(every) == [name for name in STEPS if name not in learned]
    assert steps({**every, "order": ["diversity", "calibration"]}) == ["diversity", "calibration"]
    assert steps({"order": []}) == []


def test_what_could_never_change_anything_is_left_out():
    assert steps({}) == ALWAYS
    assert steps({"calibration": 0.5}, column=None) == ALWAYS
    assert steps({"feedback": 0, "fair_shares": {}}) == ["diversity", "exploration"]


def test_a_learned_step_stands_where_the_settings_say():
    def read(draft: Draft, wishes: Wishes) -> Draft:
        return draft

    config = make_config({"reranking": {"order": ["diversity", "slate_model"]}}).reranking
    tables = {"vectors": tf.eye(4), "popularity": tf.zeros(4)}
    book = make_book((), ITEMS, {}, k=3)
    made = make_reranker(
        config, **tables, content=CONTENT, column=None, book=book, learned={"slate_model": read}
    )
    assert list(made.steps) == ["diversity", "slate_model"]
    assert made.steps["slate_model"] is read


def test_rules_come_last():
    assert steps({}, rules=(BLOCK,)) == [*ALWAYS, "rules"]


def test_a_step_is_named_once():
    with pytest.raises(ConfigError, match=r"reranking.order.*named twice"):
        make_config({"reranking": {"order": ["diversity", "diversity"]}})


def test_each_step_goes_on_from_the_one_before():
    def reverse(draft: Draft, wishes: Wishes) -> Draft:
        return draft.reordered(tf.reverse(tf.range(3), [0])[None])

    def swap(draft: Draft, wishes: Wishes) -> Draft:
        return draft.led_by(tf.constant([[1]]), wishes.k)

    draft = Draft.of(tf.constant([[1, 2, 3]]), tf.constant([[3.0, 2.0, 1.0]]))
    made = Reranker({"reverse": reverse, "swap": swap})(draft, Wishes.of(tf.constant([[0]]), tf.constant(3)))
    rows = {name: one.rows.numpy()[0].tolist() for name, one in made.items()}
    assert rows == {"ranking": [1, 2, 3], "reverse": [3, 2, 1], "swap": [2, 3, 1]}
