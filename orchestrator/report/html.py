"""The HTML report. BEING WRITTEN BY ANOTHER FOUNDER RIGHT NOW (with inference_perf.py staying with the merge founder):
call `html(summary, requests)` from write.py and leave this file and report/html_*.py, report/charts.py to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.metrics.requests import Requests


def html(summary: Mapping[str, Any], requests: Requests) -> bytes:
    """`summary`: exactly what summary.json holds. One self-contained UTF-8 page."""
    raise NotImplementedError
