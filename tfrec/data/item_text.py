"""The one text of an item: which columns it is made of, how a value is cleaned, and how values are joined.

Cleaning happens here only, before anything is encoded. The joining is kept to what a graph of string ops can
repeat for `embed_item`: replace "|" by ", ", then join the non-empty values with ". ".
"""

from __future__ import annotations

import ast
import html
import re
import warnings
from collections.abc import Mapping

from tfrec.schema import Role

MULTI_VALUE = "|"
SEPARATORS = re.compile(r"\s*(?:\|\s*)+")
WITHIN, BETWEEN = ", ", ". "
MARKUP = re.compile(
    r"<!--.*?(?:-->|$)|<(script|style)\b.*?</\1\s*>|</?[a-zA-Z][^<>]*>", re.DOTALL | re.IGNORECASE
)
# Thai, Lao, kana and Han are written without spaces: there, a character counts as a word.
WORD = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]|[^\s\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]+")
LIST_LITERAL = re.compile(r"\[\s*(['\"]).*\]|\[\s*\]", re.DOTALL)


def text_columns(roles: Mapping[str, Role]) -> list[str]:
    """The columns of a row's text: text in file order, then the category, then categorical columns."""
    order = (Role.TEXT, Role.CATEGORY, Role.CATEGORICAL)
    return [column for wanted in order for column, role in roles.items() if role == wanted]


def item_text(values: Mapping[str, str]) -> str:
    """Joins the cleaned values of one item, given in the order of `text_columns`.

    >>> item_text({"title": "Heat", "description": "", "genres": "Crime|Thriller"})
    'Heat. Crime, Thriller'
    """
    return BETWEEN.join(value.replace(MULTI_VALUE, WITHIN) for value in values.values() if value)


def clean_text(value: str) -> str:
    """Plain words: no HTML comments, tags or entities, no list brackets, single spaces and separators.

    >>> clean_text("['An <b>Amazon</b> Brand.', '']")
    'An Amazon Brand.'
    """
    if LIST_LITERAL.fullmatch(value.strip()):
        value = _list_words(value.strip())
    if "&" in value:
        value = html.unescape(value)
    if "<" in value:
        value = MARKUP.sub(" ", value)
    return " ".join(SEPARATORS.sub(MULTI_VALUE, value).strip(MULTI_VALUE).split())


def count_words(text: str) -> int:
    """Words between spaces; characters in scripts that have none."""
    return len(WORD.findall(text))


def _list_words(literal: str) -> str:
    """The elements of a Python or JSON list of strings that a csv carries as text."""
    try:
        with warnings.catch_warnings(action="ignore"):  # "\d" in a text is no escape, and no matter
            return " ".join(str(element) for element in ast.literal_eval(literal))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return literal.strip("[]'\" ")
