"""Roles, the schema and its file."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfrec.schema import Role, Schema, SchemaError, read_roles

NAMES = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=20)
COLUMNS = st.dictionaries(
    NAMES, st.sampled_from([role for role in Role if role != Role.CATEGORY]), max_size=6
)


def test_roles_are_the_words_of_the_contract():
    words = "text category categorical number vector context label ignore"
    assert {str(role) for role in Role} == set(words.split())


def test_columns_of_a_role_keep_file_order():
    schema = Schema(
        items={"title": Role.TEXT, "price": Role.NUMBER, "about": Role.TEXT}, users={"age": Role.NUMBER}
    )
    assert schema.columns("items", Role.TEXT) == ["title", "about"]
    assert schema.columns("users", Role.TEXT) == []


def test_category_column_is_the_one_or_none():
    assert Schema(items={"title": Role.TEXT, "genres": Role.CATEGORY}).category_column == "genres"
    assert Schema(items={"title": Role.TEXT}).category_column is None


def test_two_categories_are_refused():
    with pytest.raises(SchemaError, match=r"genres, brand.*Call the others 'categorical'"):
        Schema(items={"genres": Role.CATEGORY, "brand": Role.CATEGORY})


def test_an_unknown_table_is_refused():
    with pytest.raises(SchemaError, match="items, users, interactions"):
        Schema().columns("films", Role.TEXT)


@settings(deadline=None)
@given(items=COLUMNS, users=COLUMNS, interactions=COLUMNS)
def test_yaml_and_dict_bring_the_schema_back(items, users, interactions):
    schema = Schema(items, users, interactions)
    assert Schema.from_yaml(schema.to_yaml()) == schema
    assert Schema.from_dict(schema.to_dict()) == schema


def test_from_dict_refuses_an_unknown_role():
    with pytest.raises(SchemaError, match=r"items\.title: unknown role. Received: 'words'"):
        Schema.from_dict({"items": {"title": "words"}})


def test_a_flat_file_gives_roles():
    assert read_roles("title: text\n# a remark\nprice: number\n") == {
        "title": Role.TEXT,
        "price": Role.NUMBER,
    }


@pytest.mark.parametrize("text", ["", "# nothing but a remark\n"])
def test_an_empty_file_gives_no_roles(text):
    assert read_roles(text) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "title: text\nprice: prize\n",
            "line 2, column 'price': unknown role. Received: 'prize'. Expected one of: text,",
        ),
        (
            "title: text\n\ncolour: ignore\n",
            "line 3, column 'colour': unknown column. The tables have: price, title.",
        ),
        ("title: text\nprice: number\ntitle: ignore\n", "line 3, column 'title': named twice"),
        ("title:\n  role: text\n", "line 1, column 'title': expected a role"),
        ("title: [text]\n", "line 1, column 'title': expected a role"),
        ("- title\n- text\n", "line 1: expected one `column: role` on each line"),
        ("title: text\nprice: {number\n", "not readable as YAML"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(text, message):
    with pytest.raises(SchemaError) as error:
        read_roles(text, known={"title", "price"})
    assert message in str(error.value)


@settings(deadline=None)
@given(st.text(st.characters() | st.sampled_from(":-{}[]\n #&*!"), max_size=60))
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(SchemaError):
        assert all(isinstance(role, Role) for role in read_roles(text).values())
