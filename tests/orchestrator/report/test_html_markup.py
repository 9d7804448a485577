"""Text stays text, whatever it holds; only `element` makes markup."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.report.html_markup import Markup, element, escape, foreign, join


class Reader(HTMLParser):
    """Collects tags, attributes and text as a browser would read them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: dict[str, str | None] = {}
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.update(attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def read(markup: str) -> Reader:
    reader = Reader()
    reader.feed(markup)
    reader.close()
    return reader


printable = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cf", "Cn")), max_size=60)
anything = st.text(st.characters(), max_size=60)  # controls, lone surrogates, what overrides direction


@given(anything)
@settings(max_examples=300)
def test_any_text_is_text_and_can_be_written(text: str) -> None:
    page = element("p", text, title=text)
    page.encode()  # lone surrogates are gone
    reader = read(page)
    assert reader.tags == ["p"]
    assert len(reader.text) == len(text)
    assert set(reader.attributes) == {"title"}


@given(printable)
@settings(max_examples=200)
def test_what_can_be_seen_is_read_back_as_it_was(text: str) -> None:
    reader = read(element("p", text, title=text))
    assert reader.text == text
    assert reader.attributes["title"] == text


def test_planted_markup_is_only_read_as_such_when_declared() -> None:
    """The counterpart: Markup passes through, so that the laws above do not hold by accident."""
    assert read(element("p", Markup("<b>x</b>"))).tags == ["p", "b"]
    assert read(element("p", "<b>x</b>")).tags == ["p"]


def test_what_overrides_direction_or_is_unseen_is_shown_as_a_sign() -> None:
    assert escape("a\u202eb\u2066c") == "a\ufffdb\ufffdc"
    assert escape("\x1b[31m\x00") == "␛[31m␀"
    assert escape("line\n\ttab") == "line\n\ttab"
    assert foreign("<i>") == "<bdi>&lt;i&gt;</bdi>"


def test_attributes_are_named_left_out_and_joined() -> None:
    made = element("a", "x", class_="k", aria_label='"q"', hidden=True, title=None, open=False, width=0.25)
    assert made == '<a class="k" aria-label="&quot;q&quot;" hidden width="0.25">x</a>'
    assert element("meta", charset="utf-8") == '<meta charset="utf-8">'
    assert join("a", None, [1, ["<"]]) == "a1&lt;"
