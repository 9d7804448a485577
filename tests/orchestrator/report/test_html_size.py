"""However large the run, the page stays one that a browser opens at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from orchestrator.metrics.finding import Scope
from orchestrator.report.html import html
from tests.orchestrator.report.made_requests import Stage
from tests.orchestrator.report.made_summary import LATE, LIMITS, made


def test_many_requests_make_no_larger_page() -> None:
    few, many = (made((Stage(rate=rate, seconds=60),), tokens=2) for rate in (100, 5000))
    small, large = len(html(few.summary, few.requests)), len(html(many.summary, many.requests))
    assert len(many.requests) == 300_000
    assert large < 450_000
    assert large < 1.3 * small


def test_the_largest_summary_makes_a_bounded_page() -> None:
    """Thousands of shards and findings, hundreds of stages and lanes, long and hostile messages."""
    run = made((Stage(rate=20, seconds=300),), lanes=600, goodput=LIMITS, tokens=3)
    requests = replace(run.requests, stage=np.arange(6000, dtype=np.int32) // 20)
    stages = [{**run.summary["stages"][0], "index": number, "window": None} for number in range(300)]
    shards = [{**shard, "slice": part} for part in range(10) for shard in run.summary["shards"]]
    findings = [
        replace(LATE, code=code, scope=Scope(stage=number, from_s=float(number), to_s=number + 1.0)).as_dict()
        for code in ("late_tail", "errors", "trend", "saturated", "warmup_suspected")
        for number in range(300)
    ]
    errors = [
        {"error_kind": f"http_{code}", "http_status": code, "count": 9, "sample": "<&\"'>" * 4000}
        for code in range(400, 600)
    ]
    summary = {**run.summary, "findings": findings, "verdict": "DEGRADED", "errors": errors}
    body = html({**summary, "stages": stages, "shards": shards}, requests)
    text = body.decode()
    assert len(body) < 1_500_000
    assert "6,000 planned: 6,000 complete" in text
    assert "further shards in summary.json" in text
    assert "297 more late_tail" in text and "and 247 more in summary.json" in text
