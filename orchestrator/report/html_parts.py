"""The run in parts: a table of stages, of lanes and their health, of shards; and errors with what the server said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.report.html_markup import Content, Markup, element, foreign
from orchestrator.report.html_numbers import NONE, count, exact, ms, rate, share
from orchestrator.report.html_tables import folded, section, table

STAGES, LANES, ERRORS = 24, 12, 30  # rows before the fold
SAMPLE = 400  # characters of a server's message
KINDS = 100  # of errors listed at all
LEDGER = ("planned", "ok", "failed", "timed_out", "missed", "aborted", "lost")


def stages(summary: Mapping[str, Any]) -> Markup:
    streaming = bool(summary["latency"]["time_to_first_token"]["count"])
    first = ("time_to_first_token", "TTFT") if streaming else ("request_latency", "E2E")
    good = summary["goodput"] is not None
    head: list[Content] = ["stage", "load", "planned", "failed", "offered/s", "achieved/s", "answered/s"]
    head += [f"{first[1]} p50", f"{first[1]} p99", "from scheduled", "all planned"]
    head += (["E2E p50", "E2E p99"] if streaming else []) + ["output tokens/s"] + (["goodput"] if good else [])
    rows = [_stage(stage, first[0], streaming, good) for stage in summary["stages"]]
    aside = (
        "Latencies in ms. From scheduled, all planned: p99 counted from the due time, and with failures as infinite."
    )
    body = folded("Stages", head, rows, STAGES, "stage", "dense") if rows else element("p", "No stage was measured.")
    return section("stages", "Stages", aside, body)


def _stage(stage: Mapping[str, Any], key: str, streaming: bool, good: bool) -> list[Content]:
    ledger, load, found = stage["ledger"], stage["load"], stage["latency"]
    bad = ledger["failed"] + ledger["timed_out"]
    label = [stage.get("label"), ", warm-up" if stage.get("warmup") else None]
    cells: list[Content] = [_count(stage["index"]), label, _count(ledger["planned"])]
    cells.append(exact(bad, share(bad / ledger["planned"]) if ledger["planned"] else NONE))
    cells += [exact(load[word], rate(load[word])) for word in ("offered", "achieved", "answered")]
    cells += [_ms(found[key]["p50"]), _ms(found[key]["p99"]), _ms(found[f"{key}_from_scheduled"]["p99"])]
    adjusted = stage["adjusted"][key]
    infinite = adjusted["p99"] is None and adjusted["reason"] == "infinite"
    cells.append(exact(None, "∞") if infinite else _ms(adjusted["p99"]))
    if streaming:
        cells += [_ms(found["request_latency"]["p50"]), _ms(found["request_latency"]["p99"])]
    tokens = stage["throughput"]["output_tokens_per_sec"]
    cells.append(exact(tokens, rate(tokens)))
    if good:
        part = (stage["goodput"] or {}).get("share_of_planned")
        cells.append(exact(part, share(part)))
    return cells


def client(summary: Mapping[str, Any]) -> Markup:
    lanes = summary["client"]["lanes"]
    shown = lanes if len(lanes) <= LANES + 2 else sorted(lanes, key=lambda lane: -(lane["schedule_delay_p99_s"] or 0.0))
    caption = "Health by lane" if shown is lanes else "Health by lane, the latest first"
    head = (
        "lane",
        "CPU p95, of a core",
        "loop lag p99, ms",
        "schedule delay p99, ms",
        "clock error, ms",
        "cold start, s",
    )
    rows = [
        (
            _count(lane["lane"]),
            exact(lane["cpu_p95"], share(lane["cpu_p95"])),
            *(_ms(lane[key]) for key in ("loop_lag_p99_s", "schedule_delay_p99_s", "clock_error_s")),
            exact(lane["cold_start_s"], rate(lane["cold_start_s"])),
        )
        for lane in shown
    ]
    body = folded(caption, head, rows, LANES, "lane") if rows else element("p", "No worker said anything of itself.")
    return section(
        "client", "Client", "Was the load generator in the way? What each lane's worker measured of itself.", body
    )


def errors(summary: Mapping[str, Any]) -> Markup:
    found = summary["errors"]
    aside = "What did not succeed, by kind, with one message each as it came."
    if not found:
        return section("errors", "Errors", aside, element("p", "None."))
    head = ("kind", "HTTP", "count", "of planned", "for example")
    planned = max(1, summary["ledger"]["planned"])
    rows: list[Sequence[Content]] = [
        (
            element("code", foreign(error["error_kind"] or NONE)),
            NONE if error["http_status"] is None else str(error["http_status"]),
            _count(error["count"]),
            share(error["count"] / planned),
            _sample(error["sample"]),
        )
        for error in found
    ]
    return section("errors", "Errors", aside, folded("Errors by kind", head, rows, ERRORS, "kind", "errors", KINDS))


def _sample(message: str | None) -> Content:
    if not message:
        return NONE
    cut = message if len(message) <= SAMPLE else message[:SAMPLE] + " …"
    return element("samp", foreign(cut))


def shards(summary: Mapping[str, Any]) -> Markup:
    """Incomplete ones first: they are what somebody looks for."""
    found = summary["shards"]
    states = {state: sum(shard["state"] == state for shard in found) for state in ("complete", "partial", "missing")}
    said = ", ".join(f"{number:,} {state}" for state, number in states.items() if number) or "none"
    ordered = sorted(found, key=lambda shard: shard["state"] == "complete")
    rows = [
        (
            shard["shard"],
            NONE if shard["attempt"] is None else str(shard["attempt"]),
            element("span", shard["state"], class_=f"state {shard['state']}"),
            *(_count(shard["ledger"][part]) for part in LEDGER),
        )
        for shard in ordered
    ]
    head = ("shard", "attempt", "state", *(part.replace("_", " ") for part in LEDGER))
    body = folded("Shards", head, rows, 0, "shard", "dense") if len(rows) > 2 else table("Shards", head, rows, "dense")
    aside = "One lane in one slice: phase-lane-slice."
    return section("shards", "Shards", aside, element("p", f"{len(found):,} planned: {said}."), body if rows else None)


def _count(value: int | None) -> Markup:
    return exact(value, count(value))


def _ms(seconds: float | None) -> Markup:
    return exact(seconds, ms(seconds))
