"""The top of the page: which run, whether to believe it, and every doubt with its numbers, place and advice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from orchestrator.metrics.requests import Requests
from orchestrator.report.html_ledger import headline
from orchestrator.report.html_markup import Content, Markup, element, foreign, join
from orchestrator.report.html_numbers import SPACE, decimals, exact, instant, ms, plain, plural, rate, share
from orchestrator.report.html_tables import fold, section

SIGNS = {"VALID": "✓", "DEGRADED": "▲", "INVALID": "✕"}
GRAVE = ("invalid", "degraded")
ALIKE = 3  # findings of one code shown in full; the others are folded
FOLDED = 200  # of those listed
NUMBERS = 12  # of a finding shown

Finding = Mapping[str, Any]


def header(summary: Mapping[str, Any], requests: Requests) -> Markup:
    lanes, slices = ({shard[key] for shard in summary["shards"]} for key in ("lane", "slice"))
    facts: list[tuple[str, Content]] = [
        ("provider", summary["provider"]),
        ("model", [[", " if i else "", foreign(word)] for i, word in enumerate(requests.model.words[:5])]),
        ("load", f"{plural(summary['ledger']['planned'], 'request')} in {plural(len(summary['stages']), 'stage')}"),
        ("fan-out", f"{plural(len(lanes), 'lane')} × {plural(len(slices), 'slice')}"),
    ]
    return element(
        "header",
        element("p", "benchctl report", class_="brand"),
        element("h1", foreign(summary["run_id"])),
        element("dl", [element("div", element("dt", key), element("dd", value)) for key, value in facts if value]),
        class_="top",
    )


def verdict(summary: Mapping[str, Any]) -> Markup:
    word = summary["verdict"]
    aborted = "This run was aborted before its end." if summary["aborted"] else None
    return element(
        "section",
        element(
            "div",
            element(
                "h2", element("span", SIGNS[word], class_="sign", aria_hidden="true"), " ", word, id="verdict-title"
            ),
            element("p", _meaning(word, summary["findings"])),
            element("p", aborted, class_="aborted") if aborted else None,
        ),
        element("dl", _tiles(summary), class_="tiles"),
        id="verdict",
        class_=f"verdict {word.lower()}",
        aria_labelledby="verdict-title",
    )


def _meaning(word: str, found: Sequence[Finding]) -> Markup:
    def codes(severity: str) -> Markup:
        names = dict.fromkeys(finding["code"] for finding in found if finding["severity"] == severity)
        return join([[", " if i else "", element("code", name)] for i, name in enumerate(names)])

    if word == "INVALID":
        return join("Do not use these numbers: ", codes("invalid"), ".")
    if word == "DEGRADED":
        number = sum(finding["severity"] == "degraded" for finding in found)
        return join(f"The numbers stand only together with {plural(number, 'finding')}: ", codes("degraded"), ".")
    return join("The load was sent as planned, and no finding casts doubt on the numbers.")


def _tiles(summary: Mapping[str, Any]) -> list[Markup]:
    found, throughput, goodput = summary["latency"], summary["throughput"], summary["goodput"]
    tiles = [_ledger_tile(summary["ledger"])]
    for name, key in (("TTFT", "time_to_first_token"), ("E2E", "request_latency")):
        if found[key]["count"]:
            due = _pair(found[f"{key}_from_scheduled"])
            tiles.append(
                _tile(
                    f"{name} p50 · p99", [_pair(found[key]), element("small", f"{SPACE}ms")], [due, " from scheduled"]
                )
            )
    if throughput["requests_per_sec"] is not None:
        tokens = throughput["output_tokens_per_sec"]
        value = exact(throughput["requests_per_sec"], rate(throughput["requests_per_sec"]))
        below = "" if tokens is None else f"{rate(tokens)} output tokens/s"
        tiles.append(_tile("answered", [value, element("small", "/s")], below))
    if goodput is not None:
        value = exact(goodput["share_of_planned"], share(goodput["share_of_planned"]))
        tiles.append(_tile("goodput", value, f"of planned, {rate(goodput['per_sec'])}/s"))
    return tiles


def _pair(dist: Mapping[str, Any]) -> Markup:
    places = decimals([dist["p50"]])
    return join(
        exact(dist["p50"], ms(dist["p50"], places)), f"{SPACE}·{SPACE}", exact(dist["p99"], ms(dist["p99"], places))
    )


def _ledger_tile(ledger: Mapping[str, int]) -> Markup:
    value, word, grave = headline(ledger)
    return _tile(word, value, f"of {plural(ledger['planned'], 'planned request')}", "grave" if grave else "")


def _tile(name: str, value: Content, below: Content, class_: str = "") -> Markup:
    return element(
        "div", element("dt", name), element("dd", value), element("dd", below, class_="below"), class_=class_ or None
    )


def findings(summary: Mapping[str, Any]) -> Markup:
    found: Sequence[Finding] = summary["findings"]
    grave = [finding for severity in GRAVE for finding in found if finding["severity"] == severity]
    notes = [finding for finding in found if finding["severity"] == "info"]
    if not found:
        body: Content = element("p", "None: nothing to doubt, nothing to add.")
    else:
        body = [
            element("p", "None that lowers the verdict.") if not grave else _list(grave),
            fold(f"{plural(len(notes), 'note')} for information: {_names(notes)}", _list(notes)) if notes else None,
        ]
    return section("findings", "Findings", "What casts doubt on the numbers, how much, where, and what to do.", body)


def _names(found: Sequence[Finding]) -> str:
    return ", ".join(dict.fromkeys(finding["code"] for finding in found))


def _list(found: Sequence[Finding]) -> Markup:
    """In order; of many with the same code the first ones in full."""
    items: list[Markup] = []
    for _, alike in groupby(sorted(found, key=lambda f: _order(found, f)), key=lambda f: (f["severity"], f["code"])):
        same = list(alike)
        full = same if len(same) <= ALIKE + 1 else same[:ALIKE]
        items += [_finding(finding) for finding in full]
        if rest := same[len(full) :]:
            listed = element("ul", [element("li", foreign(one["message"])) for one in rest[:FOLDED]], class_="alike")
            beyond = element("p", f"and {len(rest) - FOLDED:,} more in summary.json", class_="note")
            items.append(
                element(
                    "li", fold(f"{len(rest):,} more {same[0]['code']}", listed, beyond if len(rest) > FOLDED else None)
                )
            )
    return element("ol", items, class_="findings")


def _order(found: Sequence[Finding], finding: Finding) -> int:
    """Where the first finding of its kind stands."""
    return next(
        i for i, one in enumerate(found) if one["code"] == finding["code"] and one["severity"] == finding["severity"]
    )


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
        element("p", foreign(finding["message"]), class_="message"),
        element("p", foreign(finding["advice"]), class_="advice") if finding["advice"] else None,
        element("p", shown, class_="numbers") if shown else None,
        class_=finding["severity"],
    )


def where(scope: Mapping[str, Any]) -> str:
    """`stage 0 · lane 3 · 12–14.5 s`; empty: everywhere."""
    parts = [f"{key} {scope[key]}" for key in ("stage", "lane", "slice") if scope[key] is not None]
    low, high = scope["from_s"], scope["to_s"]
    if low is not None and high is not None:
        parts.append(f"at {instant(low)} s" if instant(low) == instant(high) else f"{instant(low)}–{instant(high)} s")
    elif low is not None or high is not None:
        parts.append(f"from {instant(low)} s" if low is not None else f"until {instant(high)} s")
    return " · ".join(parts)
