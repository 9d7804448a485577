"""A run as it lies in a store, made by hand: for the commands that read one."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from msgspec import structs

from function.contract import keys
from function.contract.codec import encode
from function.contract.control import Control, Go
from function.contract.plan import Plan
from function.store.local import LocalStore
from tests.orchestrator.launch.crew import make_receipt
from tests.orchestrator.launch.world import S, make_plan, make_progress, make_ready


def make_run(root: Path, run_id: str = "r", state: str = "go", lanes: int = 2, **terms: Any) -> LocalStore:
    """Two lanes, one slice, both granted and sending; lane 0 has committed."""
    store = LocalStore(root).at(f"{keys.RUNS}{run_id}")
    plan: Plan = structs.replace(make_plan(lanes, **terms), run_id=run_id)
    t0 = time.time_ns() - 5 * S
    store.put(keys.PLAN, encode(plan))
    store.put(keys.CONTROL, encode(Control(state, 0, 7, ("0-0",), plan.coordination.lease_s, "w")))  # type: ignore[arg-type]
    store.put(keys.go("0-0"), encode(Go(0, 0, t0, t0, {f"0-{lane}-0": 0 for lane in range(lanes)}, "w")))
    for lane in range(lanes):
        shard = f"0-{lane}-0"
        store.put(keys.ready(f"{shard}.0"), encode(make_ready(shard)))
        store.put(keys.progress(f"{shard}.0"), encode(make_progress(shard, 0, "sending", sent=5, ok=4, in_flight=1)))
    store.put(keys.receipt("0-0-0"), encode(make_receipt("0-0-0", 0, ok=5)))
    return store


def report_verdict(store: LocalStore, verdict: str) -> None:
    store.put("report/summary.json", json.dumps({"verdict": verdict}).encode())
