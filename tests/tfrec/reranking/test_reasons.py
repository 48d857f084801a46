"""Why an item is in the slate, by hand."""

import numpy as np
import tensorflow as tf

from tfrec.reranking.phrases import Phrases
from tfrec.reranking.reasons import Evidence, Reasons

TITLES = ["", "Heat", "Toys", "Alien", "Über uns"]
# Heat and Alien are alike, Toys is like Über uns a little, and the categories say the same
VECTORS = tf.constant([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0.8, 0, 0.6], [0, 0.4, 0.9165]], tf.float32)
CATEGORY = tf.constant([[0, 0], [1, 0], [2, 0], [1, 3], [3, 0]])


def reasons(
    rows: list[int],
    recent: list[int],
    *,
    text="",
    vector=(0.0, 0.0, 0.0),
    language="en",
    promoted="",
    categories=4,
) -> list[str]:
    told = Reasons(tf.constant(TITLES), VECTORS, CATEGORY, categories, Phrases("en"))
    evidence = Evidence(
        tf.constant([recent]),
        tf.constant([text]),
        tf.constant([vector], tf.float32),
        tf.constant([language]),
        tf.constant([[promoted] + [""] * (len(rows) - 1)]),
    )
    return [one.decode() for one in told(tf.constant([rows]), evidence).numpy()[0]]


def test_the_event_that_an_item_resembles_most():
    assert reasons([3, 2], [1, 4, 0]) == ["because of Heat", "because of Über uns"]


def test_free_text_where_it_says_more_than_the_history():
    vector = (0.9, 0.0, 0.0)
    assert reasons([3, 2], [1, 4], text="tense", vector=vector) == ["because of Heat", "because of Über uns"]
    assert reasons([3], [4], text="tense", vector=vector) == ["matches 'tense'"]
    assert reasons([3], [0], text="tense", vector=vector) == ["matches 'tense'"]


def test_without_anything_to_go_by_it_is_popular():
    assert reasons([1, 2], [0, 0]) == ["popular", "popular"]


def test_what_resembles_nothing_and_shares_no_category_is_new():
    assert reasons([2], [1]) == ["new for you"]
    assert reasons([4], [2]) == ["because of Toys"]  # the cosine is 0.4
    assert reasons([2], [1], categories=0) == ["because of Heat"]


def test_a_rule_comes_before_all_else():
    assert reasons([3, 3], [1], promoted="R3") == ["promoted by rule R3", "because of Heat"]


def test_no_item_no_reason_and_an_empty_slate_has_one():
    assert reasons([0, 1], [3]) == ["", "because of Alien"]
    assert reasons([0, 0], [3]) == ["nothing is left: everything is seen, excluded or kept away", ""]


def test_a_long_text_is_cut_by_characters_whatever_its_bytes():
    assert reasons([1], [0], text="ü" * 60) == ["matches '" + "ü" * 48 + "…'"]
    assert reasons([1], [0], text="ü" * 48) == ["matches '" + "ü" * 48 + "'"]
    assert reasons([1], [0], text=b"\xff{}") == ["matches '\ufffd{}'"]


def test_without_a_language_model_text_matches_nothing_and_is_still_named():
    assert reasons([1], [3], text="x", vector=(0.0,)) == ["because of Alien"]


def test_every_language_has_every_phrase():
    english = reasons([3], [1], language="en-GB")
    assert reasons([3], [1], language="") == reasons([3], [1], language="xx") == english
    assert reasons([3, 2, 4], [1, 0], language="zh-Hans") == [
        "因为“Heat”",
        "给您一些新鲜感",
        "给您一些新鲜感",
    ]
    assert np.all([name in Phrases("zh").parts for name in ("because_of", "matches", "promoted", "popular")])
