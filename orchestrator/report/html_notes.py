"""The end of the page: cost, what the words mean, and which intervals are printed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.report.html_markup import Markup, element
from orchestrator.report.html_numbers import exact, usd
from orchestrator.report.html_tables import section

WORDS = (
    ("scheduled", "when a request was due by the plan: t0 + its arrival time"),
    (
        "sent",
        "just before the request's first byte was handed to the transport; waiting for a connection is in the latency",
    ),
    ("schedule delay", "sent − scheduled: the client's own lateness"),
    (
        "TTFT",
        "time to first token: the first event that bears output of any kind − sent (or − scheduled)",
    ),
    ("first content token", "the first event that bears content (not reasoning, not a tool call) − sent"),
    ("ITL", "inter-token latency: gaps between consecutive output events, pooled over requests"),
    ("TPOT", "time per output token: (last token − first token) / (output tokens − 1), per request"),
    ("NTPOT", "normalized time per output token: E2E / output tokens"),
    ("E2E", "request latency: last token, or the body's end when not streamed, − sent (or − scheduled)"),
    (
        "offered, achieved, answered",
        "planned arrivals, requests sent, requests completed, per second of the stages' windows",
    ),
    ("goodput", "requests that met every limit, per second and as a share of planned"),
    ("percentile", "linear interpolation on all raw values of all shards; never averaged, never from a sketch"),
    ("all planned (adjusted)", "the same latency with every planned request that did not succeed counted as infinite"),
    (
        "verdict",
        "the worst finding's severity: VALID, none but notes; DEGRADED, the numbers stand only with the findings; "
        "INVALID, do not use them",
    ),
)
INTERVALS = (
    "Intervals are 95 % intervals within this run: order statistics at the effective number of requests, which is "
    "smaller than their number because neighbouring requests share queues. They speak of this run's conditions; only "
    "repeats speak of the system. Where too few effective requests stand behind a percentile its interval is withheld; "
    "the finding interval_withheld names the requests it would take."
)


def cost(summary: Mapping[str, Any]) -> Markup:
    found = summary["cost"]
    names = (("estimated", found["estimate_usd"]), ("actual", found["actual_usd"]))
    said = [element("div", element("dt", name), element("dd", exact(value, usd(value)))) for name, value in names]
    return section("cost", "Cost", "US dollars, of the load generator alone.", element("dl", said, class_="facts"))


def notes() -> Markup:
    words = [element("div", element("dt", word), element("dd", meaning)) for word, meaning in WORDS]
    return section(
        "notes",
        "Notes",
        "Durations come from one monotonic clock in one worker. Times count from the run's t0.",
        element("p", INTERVALS),
        element("dl", words, class_="words"),
        element("p", "Every number is in summary.json beside this file, unrounded; every request in requests.parquet."),
    )
