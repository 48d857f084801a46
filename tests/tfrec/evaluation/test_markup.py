from html.parser import HTMLParser

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tfrec.evaluation.markup import Html, element, join


class Reader(HTMLParser):
    """What a browser would see: the text, and the tags with their attributes."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.text, self.tags = "", []
        self.feed(page)
        self.close()

    def handle_data(self, data):
        self.text += data

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


def test_text_is_escaped_and_markup_is_not():
    assert element("p", "a < b", Html("<br>"), element("b", "&")) == "<p>a &lt; b<br><b>&amp;</b></p>"


def test_nothing_is_nothing_and_lists_are_flattened():
    assert join(["a", None, ["b", ("c", None)], 4]) == "abc4"


def test_attributes_lose_none_and_underscores():
    assert (
        element("a", class_="x", aria_hidden="true", title=None, id=3)
        == '<a class="x" aria-hidden="true" id="3"></a>'
    )


@example('" onload="x')
@example("<b>&amp;</b>'")
@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0")))
def test_whatever_is_written_is_read_again(text):
    reader = Reader(element("p", text, title=text))
    assert reader.text == text
    assert reader.tags == [("p", {"title": text})]
