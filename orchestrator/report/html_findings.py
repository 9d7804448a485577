"""Every doubt about a run: how grave, what, where, its numbers and what to do. Grave ones first, notes folded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.report.html_markup import Content, Markup, element, foreign
from orchestrator.report.html_numbers import SPACE, instant, plain, plural
from orchestrator.report.html_tables import fold, section

GRAVE = ("invalid", "degraded")
ALIKE = 3  # findings of one code shown in full; the others are folded
FOLDED = 50  # of those listed
NUMBERS = 12  # of a finding shown
PROSE = 1000  # characters of a message

Finding = Mapping[str, Any]


def findings(summary: Mapping[str, Any]) -> Markup:
    found: Sequence[Finding] = summary["findings"]
    grave = [finding for severity in GRAVE for finding in found if finding["severity"] == severity]
    notes = [finding for finding in found if finding["severity"] == "info"]
    if not found:
        body: Content = element("p", "No findings: nothing to doubt, nothing to add.")
    else:
        body = [
            element("p", "No finding lowers the verdict.") if not grave else _list(grave),
            fold(f"{plural(len(notes), 'note')} for information: {_names(notes)}", _list(notes)) if notes else None,
        ]
    return section("findings", "Findings", "What casts doubt on the numbers, how much, where, and what to do.", body)


def _names(found: Sequence[Finding]) -> str:
    return ", ".join(dict.fromkeys(finding["code"] for finding in found))


def _list(found: Sequence[Finding]) -> Markup:
    """In order; of many with the same code the first ones in full."""
    items: list[Markup] = []
    kinds: dict[tuple[str, str], list[Finding]] = {}
    for finding in found:
        kinds.setdefault((finding["severity"], finding["code"]), []).append(finding)
    for same in kinds.values():
        full = same if len(same) <= ALIKE + 1 else same[:ALIKE]
        items += [_finding(finding) for finding in full]
        if rest := same[len(full) :]:
            listed = element("ul", [element("li", _prose(one["message"])) for one in rest[:FOLDED]], class_="alike")
            beyond = element("p", f"and {len(rest) - FOLDED:,} more in summary.json", class_="note")
            items.append(
                element(
                    "li", fold(f"{len(rest):,} more {same[0]['code']}", listed, beyond if len(rest) > FOLDED else None)
                )
            )
    return element("ol", items, class_="findings")


def _finding(finding: Finding) -> Markup:
    numbers = list(finding["numbers"].items())
    shown = [element("span", f"{key}{SPACE}", element("b", foreign(plain(value)))) for key, value in numbers[:NUMBERS]]
    place = where(finding["scope"])
    return element(
        "li",
        element(
            "p",
            element("span", finding["severity"], class_=f"severity {finding['severity']}"),
            " ",
            element("code", finding["code"]),
            element("span", place, class_="where") if place else None,
            class_="tag",
        ),
        element("p", _prose(finding["message"]), class_="message"),
        element("p", _prose(finding["advice"]), class_="advice") if finding["advice"] else None,
        element("p", shown, class_="numbers") if shown else None,
        class_=finding["severity"],
    )


def _prose(text: str) -> Markup:
    """What stands between two backticks is code."""
    pieces = plain(text, PROSE).split("`")
    return element("bdi", [element("code", piece) if i % 2 else piece for i, piece in enumerate(pieces)])


def where(scope: Mapping[str, Any]) -> str:
    """`stage 0 · lane 3 · 12–14.5 s`; empty: everywhere."""
    parts = [f"{key} {scope[key]}" for key in ("stage", "lane", "slice") if scope[key] is not None]
    low, high = scope["from_s"], scope["to_s"]
    if low is not None and high is not None:
        parts.append(f"at {instant(low)} s" if instant(low) == instant(high) else f"{instant(low)}–{instant(high)} s")
    elif low is not None or high is not None:
        parts.append(f"from {instant(low)} s" if low is not None else f"until {instant(high)} s")
    return " · ".join(parts)
