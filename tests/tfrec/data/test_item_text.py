"""One text of an item: cleaning and joining."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfrec.data.item_text import clean_text, count_words, item_text, text_columns
from tfrec.schema import Role, Schema


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("plain words", "plain words"),
        ("  many \t spaces\nand lines ", "many spaces and lines"),
        ("ink <!-- .head {color:#000;} --> black", "ink black"),
        ("ink <!-- never closed", "ink"),
        ("<p>one</p><br/>two", "one two"),
        ("<style>p {x}</style>words<script type='a'>run()</script>", "words"),
        ("a &amp; b &lt; c", "a & b < c"),
        ("&lt;b&gt;bold&lt;/b&gt;", "bold"),
        ("1 < 2 > 0", "1 < 2 > 0"),
        ("['An Amazon Brand.']", "An Amazon Brand."),
        ("['', '']", ""),
        ("[]", ""),
        ("[\"it's one\", 'and two']", "it's one and two"),
        (r"['a \d b']", r"a \d b"),
        ("['broken]", "broken"),
        ("[REC]", "[REC]"),
        ("[REC] 2 [Director's Cut]", "[REC] 2 [Director's Cut]"),
        ("Notebook | lined || 80 pages |", "Notebook|lined|80 pages"),
        ("日本語 のテキスト", "日本語 のテキスト"),
    ],
)
def test_cleaning_leaves_words(raw, plain):
    assert clean_text(raw) == plain


@given(st.text(alphabet=st.sampled_from("ab <>!-/&;[]'\",\\\n") | st.characters(), max_size=60))
def test_any_text_can_be_cleaned(raw):
    cleaned = clean_text(raw)
    assert cleaned == " ".join(cleaned.split())


def test_text_comes_before_category_before_categorical():
    items = {
        "brand": Role.CATEGORICAL,
        "genres": Role.CATEGORY,
        "title": Role.TEXT,
        "price": Role.NUMBER,
        "plot": Role.TEXT,
        "isbn": Role.IGNORE,
    }
    assert text_columns(Schema(items=items).items) == ["title", "plot", "genres", "brand"]


def test_non_empty_values_are_joined():
    assert item_text({"title": "Heat", "plot": "", "genres": "Crime|Thriller"}) == "Heat. Crime, Thriller"
    assert item_text({"title": "", "genres": ""}) == ""


@pytest.mark.parametrize(
    ("text", "words"), [("", 0), ("two  words", 2), ("A-001", 1), ("映画", 2), ("映画 and 2", 4)]
)
def test_words_are_counted_with_and_without_spaces(text, words):
    assert count_words(text) == words
