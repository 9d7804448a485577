"""The latency tables: from sent and from scheduled side by side, survivors beside all that was planned, how sure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.report.html_markup import Content, Markup, element
from orchestrator.report.html_numbers import INFINITE, NONE, count, decimals, exact, ms, share
from orchestrator.report.html_tables import body_of, framed, section

ROWS = ("p50", "p90", "p95", "p99", "max", "mean")
WITH_INTERVAL = ("p50", "p90", "p99")
SURVIVORS, PLANNED = "successful", "all planned"


@dataclass(frozen=True, slots=True)
class Column:
    """`adjusted`: with every planned request that did not succeed as infinite."""

    group: str
    title: str
    key: str
    adjusted: bool


@dataclass(frozen=True, slots=True)
class Card:
    """`title` None: what its groups are called. `of`: what is counted."""

    title: str | None
    of: str
    columns: tuple[Column, ...]

    @property
    def groups(self) -> list[str]:
        return list(dict.fromkeys(column.group for column in self.columns))

    def measured(self, found: Mapping[str, Any]) -> Card:
        """Only the columns that have values."""
        return replace(self, columns=tuple(column for column in self.columns if found[column.key]["count"]))


def _by_origin(title: str, key: str) -> Card:
    columns = [
        Column(group, origin, key + suffix, adjusted)
        for group, adjusted in ((SURVIVORS, False), (PLANNED, True))
        for origin, suffix in (("from sent", ""), ("from scheduled", "_from_scheduled"))
    ]
    return Card(title, "requests", tuple(columns))


def _in_pair(of: str, pairs: Sequence[tuple[str, str]]) -> Card:
    return Card(
        None,
        of,
        tuple(Column(name, group, key, group == PLANNED) for name, key in pairs for group in (SURVIVORS, PLANNED)),
    )


CARDS = (
    _by_origin("Time to first token (TTFT)", "time_to_first_token"),
    _by_origin("Request latency (E2E)", "request_latency"),
    _in_pair("values", (("ITL", "inter_token_latency"), ("TPOT", "time_per_output_token"))),
    _in_pair(
        "requests",
        (("NTPOT", "normalized_time_per_output_token"), ("first content token", "first_content_token")),
    ),
)


def latency(summary: Mapping[str, Any]) -> Markup:
    found, adjusted = summary["latency"], summary["adjusted"]
    fair = summary.get("interval_grade") == "fair" and any(any(dist["ci95"].values()) for dist in found.values())
    cards = [card for card in (card.measured(found) for card in CARDS) if card.columns]
    body: list[Content] = []
    if not cards:
        body.append(element("p", "No request succeeded, so there is no latency to report.", class_="lead"))
    else:
        body.append(element("div", [_table(card, found, adjusted, fair) for card in cards], class_="cards"))
    if cards and not found["time_to_first_token"]["count"]:
        body.append(
            element(
                "p", "Answers were not streamed: first token and gaps between tokens were not measured.", class_="note"
            )
        )
    return section("latency", "Latency", _aside(fair), *body)


def _aside(fair: bool) -> Content:
    return (
        "Milliseconds. Below a number: its 95 % interval within this run, or ",
        element("i", "withheld"),
        " where it would not cover. All planned: whatever did not succeed counts as infinite (",
        INFINITE,
        ").",
        " The run saw few busy and few quiet spells, so its intervals are only the least to reckon with (at least ±)."
        if fair
        else None,
    )


def _table(card: Card, found: Mapping[str, Any], adjusted: Mapping[str, Any], fair: bool) -> Markup:
    wide = len(card.columns) // len(card.groups)
    heading = element(
        "thead",
        element("tr", element("td"), [element("th", group, scope="colgroup", colspan=wide) for group in card.groups]),
        element("tr", element("td"), [element("th", column.title, scope="col") for column in card.columns]),
    )
    places = {column: _decimals(card, column, found) for column in card.columns}
    rows: list[list[Content]] = [
        [
            row,
            *(
                _adjusted(adjusted[c.key], row, places[c]) if c.adjusted else _value(found[c.key], row, places[c], fair)
                for c in card.columns
            ),
        ]
        for row in ROWS
    ]
    rows.append([card.of, *(None if c.adjusted else _count(found[c.key]) for c in card.columns)])
    caption = (card.title or " and ".join(card.groups), " ", element("span", "ms", class_="unit"))
    return framed(caption, heading, body_of(rows), "latency")


def _decimals(card: Card, column: Column, found: Mapping[str, Any]) -> int:
    """The same for columns that are read against each other: all of one latency."""
    family = column.key.removesuffix("_from_scheduled")
    return decimals(found[c.key]["p50"] for c in card.columns if c.key.removesuffix("_from_scheduled") == family)


def _value(dist: Mapping[str, Any], row: str, places: int, fair: bool) -> Content:
    shown = exact(dist[row], ms(dist[row], places))
    if row not in WITH_INTERVAL or not dist["count"]:
        return shown
    return shown, _interval(dist[row], dist["ci95"][row], places, fair)


def _adjusted(values: Mapping[str, Any], row: str, places: int) -> Content:
    if row not in values:
        return None
    if values[row] is None:
        return exact(None, INFINITE if values["reason"] == "infinite" else NONE)
    return exact(values[row], ms(values[row], places))


def _interval(value: float, ends: Sequence[float] | None, places: int, fair: bool) -> Markup:
    """The interval's ends, or how far the farther one is where no more than that can be promised."""
    if ends is None:
        return element("span", "withheld", class_="ci withheld")
    low, high = ends
    if fair and value > 0:
        return element("span", f"at least ±{share(max(high - value, value - low) / value)}", class_="ci")
    return element("span", f"{ms(low, places)}–{ms(high, places)}", class_="ci")


def _count(dist: Mapping[str, Any]) -> Markup:
    return exact(dist["count"], count(dist["count"]))
