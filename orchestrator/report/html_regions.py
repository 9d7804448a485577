"""The part of the page that compares regions; a run in one place has none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.metrics.latency import headline
from orchestrator.report.html_markup import Markup
from orchestrator.report.html_numbers import count, ms_column
from orchestrator.report.html_tables import section, table

PARTS = ("planned", "ok", "failed", "timed_out", "missed", "aborted", "lost")


def regions(summary: Mapping[str, Any]) -> Markup:
    found = summary.get("regions", ())
    if not found:
        return Markup("")
    streaming = any(region["latency"]["time_to_first_token"]["count"] for region in found)
    key, word = headline(streaming), "TTFT" if streaming else "request latency"
    columns = [
        [region["region"] for region in found],
        [count(region["lanes"]) for region in found],
        *([count(region["ledger"][part]) for region in found] for part in PARTS),
        *(ms_column([region["latency"][key][point] for region in found]) for point in ("p50", "p90", "p99")),
    ]
    head = ("region", "lanes", *(part.replace("_", " ") for part in PARTS))
    head += tuple(f"{word} {point}, ms" for point in ("p50", "p90", "p99"))
    aside = "The same load from several places: what differs is the way to the endpoint."
    return section("regions", "Regions", aside, table("By region", head, list(zip(*columns)), "dense"))
