"""The top of the page: which run, whether to believe it, and its first numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from orchestrator.metrics.requests import Requests
from orchestrator.report.html_ledger import headline
from orchestrator.report.html_markup import Content, Markup, element, foreign, join
from orchestrator.report.html_numbers import SPACE, count, decimals, exact, ms, plural, rate, share

SIGNS = {"VALID": "✓", "DEGRADED": "▲", "INVALID": "✕"}

Finding = Mapping[str, Any]


def header(summary: Mapping[str, Any], requests: Requests) -> Markup:
    lanes, slices = ({shard[key] for shard in summary["shards"]} for key in ("lane", "slice"))
    target, started = summary.get("target"), summary.get("started_unix_ns")
    facts: list[tuple[str, Content]] = [
        ("provider", summary["provider"]),
        ("started", _utc(started) if started else None),
        ("target", foreign(target["root"]) if target else None),
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


def _utc(unix_ns: int) -> Markup:
    at = datetime.fromtimestamp(unix_ns // 1_000_000_000, UTC)
    return element("time", f"{at:%Y-%m-%d %H:%M:%S} UTC", datetime=at.isoformat())


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
    return _tile(word, value, f"of {count(ledger['planned'])} planned", "grave" if grave else "")


def _tile(name: str, value: Content, below: Content, class_: str = "") -> Markup:
    return element(
        "div", element("dt", name), element("dd", value), element("dd", below, class_="below"), class_=class_ or None
    )
