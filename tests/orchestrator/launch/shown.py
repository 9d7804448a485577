"""A snapshot as the views get it."""

from __future__ import annotations

from orchestrator.launch.snapshot import Snapshot, StageView

STAGES = (
    StageView(0, "50/s", "constant", 500, 10.0, 500, "over"),
    StageView(1, "1 -> 25/s", "poisson", 300, 30.0, 17, "running"),
    StageView(2, "8 users", "concurrent", None, 10.0, 0, "ahead"),
)
SEEN = Snapshot(
    elapsed_s=12.3,
    remaining_s=40.0,
    planned=800,
    sent=517,
    counts={"ok": 500, "failed": 3, "timed_out": 0, "missed": 2, "aborted": 0},
    in_flight=12,
    offered=13.0,
    achieved=12.6,
    ttft_ms=(56.0, 80.0),
    stages=STAGES,
    shards={"sending": 2, "complete": 1},
    errors={"http_500": 3},
)
