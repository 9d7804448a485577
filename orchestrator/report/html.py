"""The HTML report: one self-contained page that opens offline, made of summary.json's content and the requests.

It fetches nothing and its Content-Security-Policy forbids it to; what servers and people wrote is escaped by
construction (`html_markup`). Without JavaScript everything is there; with it, charts answer to the pointer.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from orchestrator.metrics.requests import Requests
from orchestrator.report.html_charts import charts
from orchestrator.report.html_findings import findings
from orchestrator.report.html_latency import latency
from orchestrator.report.html_ledger import ledger
from orchestrator.report.html_load import goodput, throughput
from orchestrator.report.html_markup import Markup, element, join
from orchestrator.report.html_notes import cost, notes
from orchestrator.report.html_parts import client, errors, shards, stages
from orchestrator.report.html_regions import regions
from orchestrator.report.html_tables import section
from orchestrator.report.html_verdict import header, verdict

PLACES = (
    "findings",
    "ledger",
    "latency",
    "throughput",
    "goodput",
    "stages",
    "charts",
    "errors",
    "client",
    "shards",
    "notes",
)


def html(summary: Mapping[str, Any], requests: Requests) -> bytes:
    """`summary`: exactly what summary.json holds. One self-contained UTF-8 page."""
    main = element(
        "main",
        verdict(summary),
        findings(summary),
        ledger(summary),
        latency(summary),
        throughput(summary),
        goodput(summary),
        stages(summary),
        regions(summary),
        section(
            "charts",
            "Over time",
            "Point at a chart for its numbers. Times in seconds since the run's t0.",
            charts(summary, requests),
        ),
        errors(summary),
        client(summary),
        shards(summary),
        cost(summary),
        notes(),
    )
    body = element("body", header(summary, requests), _contents(), main, _script())
    page = element("html", _head(summary), body, lang="en")
    return join(Markup("<!doctype html>\n"), page, "\n").encode()


def _head(summary: Mapping[str, Any]) -> Markup:
    style, script = _asset("page.css"), _asset("page.js")
    sources = {"default": "'none'", "style": f"'{_digest(style)}'", "script": f"'{_digest(script)}'"}
    allowed = "; ".join(f"{kind}-src {source}" for kind, source in sources.items())
    return element(
        "head",
        element("meta", charset="utf-8"),
        element(
            "meta", http_equiv="Content-Security-Policy", content=f"{allowed}; base-uri 'none'; form-action 'none'"
        ),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", f"{summary['run_id']} · {summary['verdict']} · benchctl"),
        element("style", style),
    )


def _script() -> Markup:
    return element("script", _asset("page.js"))


def _contents() -> Markup:
    links = [element("a", place, href=f"#{place}") for place in PLACES]
    return element("nav", links, aria_label="Contents")


def _asset(name: str) -> Markup:
    return Markup(files(__package__).joinpath(name).read_text(encoding="utf-8"))


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
