"""Tables and the frame of a section: captions, scopes, a folded rest where a table is long. It knows no run."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.report.html_markup import Content, Markup, element
from orchestrator.report.html_numbers import plural

ROWS = 500  # of one table on the page; summary.json has all


def section(name: str, title: str, aside: Content, *body: Content) -> Markup:
    """`aside`: a line or two beside the heading that say how to read it."""
    return element(
        "section",
        element(
            "header", element("h2", title, id=f"{name}-title"), element("p", aside, class_="aside") if aside else None
        ),
        element("div", *body, class_="body"),
        id=name,
        aria_labelledby=f"{name}-title",
    )


def table(caption: Content, head: Sequence[Content], rows: Sequence[Sequence[Content]], class_: str = "") -> Markup:
    """The first cell of each row is its heading."""
    heading = element("thead", element("tr", [element("th", cell, scope="col") for cell in head]))
    return framed(caption, heading, body_of(rows), class_)


def framed(caption: Content, heading: Content, body: Content, class_: str = "") -> Markup:
    """A table that scrolls by itself where the page is narrower."""
    inner = element("table", element("caption", caption), heading, body, class_=class_ or None)
    return element("div", inner, class_="scroll", tabindex=0)


def body_of(rows: Sequence[Sequence[Content]]) -> Markup:
    return element("tbody", [_row(row) for row in rows])


def folded(
    caption: str,
    head: Sequence[Content],
    rows: Sequence[Sequence[Content]],
    shown: int,
    noun: str,
    class_: str = "",
    limit: int = ROWS,
) -> Markup:
    """The first `shown` rows, the rest to be opened; past `limit` it says where they are."""
    if len(rows) <= shown + 2:
        return table(caption, head, rows, class_)
    rest = rows[shown:limit]
    left_out = len(rows) - shown - len(rest)
    after = element("p", f"{plural(left_out, f'further {noun}')} in summary.json.", class_="note") if left_out else None
    first = table(caption, head, rows[:shown], class_) if shown else None
    more = table(f"{caption}, the rest" if shown else caption, head, rest, class_)
    return element("div", first, fold(f"{len(rest):,} {'more ' if shown else ''}{noun}s", more, after))


def fold(summary: Content, *content: Content) -> Markup:
    return element("details", element("summary", summary), *content)


def _row(row: Sequence[Content]) -> Markup:
    return element("tr", element("th", row[0], scope="row"), [element("td", cell) for cell in row[1:]])
