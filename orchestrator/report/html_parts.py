"""The run in parts: a table of stages, of lanes and their health, of shards; and errors with what the server said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.report.html_markup import Content, Markup, element, foreign
from orchestrator.report.html_numbers import INFINITE, NONE, count, exact, ms_column, rate_column, share
from orchestrator.report.html_tables import folded, section, table

STAGES, LANES, ERRORS = 24, 12, 30  # rows before the fold
SAMPLE = 400  # characters of a server's message
KINDS = 100  # of errors listed at all
LEDGER = ("planned", "ok", "failed", "timed_out", "missed", "aborted", "lost")


def stages(summary: Mapping[str, Any]) -> Markup:
    found: Sequence[Mapping[str, Any]] = summary["stages"]
    streaming = bool(summary["latency"]["time_to_first_token"]["count"])
    aside = (
        "Latencies in ms. From scheduled, all planned: p99 counted from the due time, and with failures as infinite."
    )
    if not found:
        return section("stages", "Stages", aside, element("p", "There is no stage."))
    columns = _counts(found) | _rates(found) | _first(found, streaming)
    if streaming:
        whole = [stage["latency"]["request_latency"] for stage in found]
        columns |= {f"E2E {p}": ms_column([dist[p] for dist in whole]) for p in ("p50", "p99")}
    columns["output tokens/s"] = rate_column([stage["throughput"]["output_tokens_per_sec"] for stage in found])
    if summary["goodput"] is not None:
        shares = [(stage["goodput"] or {}).get("share_of_planned") for stage in found]
        columns["goodput"] = [exact(value, share(value)) for value in shares]
    rows = list(zip(*columns.values()))
    return section("stages", "Stages", aside, folded("Stages", list(columns), rows, STAGES, "stage", "dense"))


Columns = dict[str, Sequence[Content]]


def _counts(found: Sequence[Mapping[str, Any]]) -> Columns:
    ledgers = [stage["ledger"] for stage in found]
    bad = [ledger["failed"] + ledger["timed_out"] for ledger in ledgers]
    return {
        "stage": [_count(stage["index"]) for stage in found],
        "load": [(stage.get("label"), ", warm-up" if stage.get("warmup") else None) for stage in found],
        "planned": [_count(ledger["planned"]) for ledger in ledgers],
        "failed": [exact(n, share(n / of["planned"]) if of["planned"] else NONE) for n, of in zip(bad, ledgers)],
    }


def _rates(found: Sequence[Mapping[str, Any]]) -> Columns:
    words = ("offered", "achieved", "answered")
    return {f"{word}/s": rate_column([stage["load"][word] for stage in found]) for word in words}


def _first(found: Sequence[Mapping[str, Any]], streaming: bool) -> Columns:
    """TTFT, or the whole time where nothing was streamed."""
    key, word = ("time_to_first_token", "TTFT") if streaming else ("request_latency", "E2E")
    adjusted = [stage["adjusted"][key] for stage in found]
    cells = ms_column([values["p99"] for values in adjusted])
    infinite = [values["p99"] is None and values["reason"] == "infinite" for values in adjusted]
    return {
        f"{word} p50": ms_column([stage["latency"][key]["p50"] for stage in found]),
        f"{word} p99": ms_column([stage["latency"][key]["p99"] for stage in found]),
        "from scheduled": ms_column([stage["latency"][f"{key}_from_scheduled"]["p99"] for stage in found]),
        "all planned": [exact(None, INFINITE) if is_ else cell for is_, cell in zip(infinite, cells)],
    }


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
    durations = ("loop_lag_p99_s", "schedule_delay_p99_s", "clock_error_s")
    columns = (
        [_count(lane["lane"]) for lane in shown],
        [exact(lane["cpu_p95"], share(lane["cpu_p95"])) for lane in shown],
        *(ms_column([lane[key] for lane in shown]) for key in durations),
        rate_column([lane["cold_start_s"] for lane in shown]),
    )
    rows = list(zip(*columns))
    body = folded(caption, head, rows, LANES, "lane") if rows else element("p", "No worker said anything of itself.")
    return section(
        "client", "Client", "Was the load generator in the way? What each lane's worker measured of itself.", body
    )


def errors(summary: Mapping[str, Any]) -> Markup:
    found = summary["errors"]
    aside = "What did not succeed, by kind, with one message each as it came."
    if not found:
        return section("errors", "Errors", aside, element("p", "No errors."))
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
