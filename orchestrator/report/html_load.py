"""What was sent and what came back: rates, throughput, tokens, goodput; and how the sends kept to their times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.report.html_markup import Content, Markup, element, join
from orchestrator.report.html_numbers import count, exact, instant, ms, ms_column, rate, rate_column, share
from orchestrator.report.html_tables import section, table

SOURCES = {"usage": "counted by the server (usage)", "tokenizer": "counted by the tokenizer after the run"}
DELAYS = ("p50", "p90", "p99", "p99.9", "max", "mean")
TOKENS = ("mean", "p50", "p99", "max")


def throughput(summary: Mapping[str, Any]) -> Markup:
    load, found = summary["load"], summary["throughput"]
    words = ("offered", "achieved", "answered")
    work = [
        ("requests", found["requests_per_sec"]),
        ("input tokens", found["input_tokens_per_sec"]),
        ("output tokens", found["output_tokens_per_sec"]),
        ("all tokens", found["total_tokens_per_sec"]),
    ]
    return section(
        "throughput",
        "Throughput",
        "Per second of the stages' planned windows; tokens count when they came.",
        element(
            "div",
            table("Load", ("requests", "per second"), list(zip(words, rate_column([load[word] for word in words])))),
            table("Throughput", ("successful", "per second"), _pairs(work)),
            _tokens(summary["tokens"]),
            _delay(load["schedule_delay"]),
            class_="cards small",
        ),
        element("p", _counted(summary["tokens"]), _drain(load), _arrivals(load["arrivals"]), class_="note"),
    )


def goodput(summary: Mapping[str, Any]) -> Markup:
    found = summary["goodput"]
    aside = "Requests that met every limit, as a share of planned: what did not succeed is never good."
    if found is None:
        return section("goodput", "Goodput", aside, element("p", "No limits were set (report.goodput)."))
    rows: list[Sequence[Content]] = [
        (element("code", name), exact(limit, ms(limit)), _share(found["attainment"].get(name)))
        for name, limit in found["constraints"].items()
    ]
    rows.append(("all of them", None, _share(found["share_of_planned"])))
    good = f"{share(found['share_of_planned'])} of planned requests were good"
    words = f"{good}: {count(found['good'])}, or {rate(found['per_sec'])} per second."
    return section(
        "goodput",
        "Goodput",
        aside,
        element("p", words, class_="lead"),
        table("Limits", ("limit on", "at most, ms", "met, of planned"), rows, "short"),
    )


def _pairs(rows: Sequence[tuple[str, float | None]]) -> list[tuple[Content, ...]]:
    return [(name, exact(value, rate(value))) for name, value in rows]


def _share(value: float | None) -> Markup:
    return exact(value, share(value))


def _tokens(tokens: Mapping[str, Any]) -> Markup:
    rows = [
        (row, *(exact(tokens[kind][row], rate(tokens[kind][row])) for kind in ("prompt", "output"))) for row in TOKENS
    ]
    return table("Tokens per request", ("", "prompt", "output"), rows)


def _counted(tokens: Mapping[str, Any]) -> str:
    source = SOURCES.get(tokens["source"], "not counted")
    events = f", in {count(tokens['events'])} output events" if tokens["events"] else ""
    by = {who: number for who, number in tokens.get("counted", {}).items() if number}
    mixed = f" (answers by who counted them: {', '.join(f'{who} {count(number)}' for who, number in by.items())})"
    return f"Output tokens: {source}{events}{mixed if len(by) > 1 else ''}. "


def _drain(load: Mapping[str, Any]) -> str:
    """What came after the windows is in no rate; merge says how long it took."""
    window, drain = load.get("window_s"), load.get("drain_s")
    if not window or drain is None:
        return ""
    return f"Windows: {instant(window)} s; the last answer ended {rate(drain)} s after the last of them. "


def _delay(delay: Mapping[str, Any]) -> Markup:
    rows = list(zip(DELAYS, ms_column([delay[row] for row in DELAYS])))
    return table("Schedule delay", ("sent − scheduled", "ms"), rows)


def _arrivals(arrivals: Mapping[str, float | None]) -> Markup:
    parts = [
        ("gaps between sends vary by ", arrivals["gap_cv"], " of their mean (0: a metronome, 1: Poisson)"),
        ("dispersion of counts ", arrivals["dispersion"], " (1: Poisson)"),
        ("correlation of a gap with the next ", arrivals["lag1"], ""),
    ]
    known = [(before, exact(value, f"{value:.3g}"), after) for before, value, after in parts if value is not None]
    return (
        join("Arrivals as sent: ", [[", " if i else "", part] for i, part in enumerate(known)], ".")
        if known
        else join()
    )
