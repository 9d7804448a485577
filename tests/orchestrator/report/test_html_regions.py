"""The page compares regions where there are several, and says nothing of one."""

from __future__ import annotations

from typing import Any

from orchestrator.metrics.latency import KEYS
from orchestrator.report.html_regions import regions

LEDGER = dict.fromkeys(("ok", "failed", "timed_out", "missed", "aborted", "lost"), 0) | {"planned": 1200, "ok": 1200}


def region(name: str, p99: float) -> dict[str, Any]:
    dist = {"count": 600, "p50": 0.02, "p90": 0.03, "p99": p99}
    return {"region": name, "lanes": 3, "ledger": LEDGER, "latency": dict.fromkeys(KEYS, dist)}


def test_a_row_for_each_region() -> None:
    page = regions({"regions": [region("us-east-1", 0.05), region("<eu>", 0.2)]})
    assert "us-east-1" in page and "&lt;eu&gt;" in page and "<eu>" not in page
    assert "TTFT p99, ms" in page and "200" in page and "1,200" in page


def test_one_place_has_no_such_section() -> None:
    assert regions({"regions": []}) == regions({}) == ""
