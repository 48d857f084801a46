"""HTML as nested calls that escape whatever they are given: the report's only way to write a tag."""

from collections.abc import Iterable
from html import escape

Content = object


class Html(str):
    """Text that is markup already and is not escaped again."""

    __slots__ = ()


def element(tag: str, *content: Content, **attributes: object) -> Html:
    """`<tag attributes>content</tag>`; all but `Html` is escaped, None is nothing, iterables are flattened.

    An attribute's trailing underscore falls away (`class_`), others become hyphens; None leaves it out.
    """
    written = (
        f' {name.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    return Html(f"<{tag}{''.join(written)}>{join(content)}</{tag}>")


def join(content: Iterable[Content]) -> Html:
    """The parts one after the other, escaped unless they are `Html`."""
    return Html("".join(_written(part) for part in content))


def _written(part: Content) -> str:
    if part is None:
        return ""
    if isinstance(part, Html):
        return part
    if isinstance(part, Iterable) and not isinstance(part, str | bytes):
        return join(part)
    return escape(str(part))
