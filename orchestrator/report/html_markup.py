"""HTML as a tree of elements, escaped by construction: text is text unless it is Markup, and only `element` makes that.

Messages come from servers, names from people: neither may become markup, break the file's encoding or turn the reading
direction of what stands around it. It knows no run and no style.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

# What cannot be seen is shown as a sign for it: controls as control pictures, what overrides direction as U+FFFD.
_UNSEEN = {code: chr(0x2400 + code) for code in range(32) if chr(code) not in "\n\t"}
_TURNING = dict.fromkeys((0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)), "\ufffd")
_CONTROLS = dict.fromkeys((*range(0x7F, 0xA0), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF), "\ufffd")
_MARKS = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", ord('"'): "&quot;", ord("'"): "&#39;"}
_ESCAPES = _UNSEEN | _TURNING | _CONTROLS | _MARKS
_VOID = frozenset({"meta", "br", "hr", "col"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Content: TypeAlias = "str | int | Iterable[Content] | None"
Attribute: TypeAlias = "str | int | float | bool | None"

NOTHING = Markup("")


def escape(text: str) -> Markup:
    return text if isinstance(text, Markup) else Markup(text.translate(_ESCAPES))


def element(name: str, /, *content: Content, **attributes: Attribute) -> Markup:
    """`<name attributes>content</name>`. None is nothing, True an attribute without a value; `class_`, `aria_label` are
    written `class`, `aria-label`."""
    head = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Markup(f"<{name}{head}>")
    return Markup(f"<{name}{head}>{join(*content)}</{name}>")


def join(*content: Content) -> Markup:
    return Markup("".join(_pieces(content)))


def foreign(text: str) -> Markup:
    """Text of unknown origin, isolated so that its writing direction stays its own."""
    return element("bdi", text)


def _pieces(content: Content) -> Iterable[str]:
    if isinstance(content, str):
        yield escape(content)
    elif isinstance(content, int):
        yield str(content)
    elif content is not None:
        for piece in content:
            yield from _pieces(piece)


def _attribute(key: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    text = f"{value:.6g}" if isinstance(value, float) else escape(str(value))
    return f' {name}="{text}"'
