"""`benchctl status RUN`: how far a run is, from its store alone. Writes nothing and waits for nothing."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from function.contract import keys
from function.contract.codec import decode
from function.contract.control import Control
from function.contract.errors import NotFound
from function.contract.plan import Plan
from function.store.port import ObjectStore
from orchestrator.commands.runs import verdict_of
from orchestrator.launch.fleet import Fleet
from orchestrator.launch.locate import StoredRun, find_run
from orchestrator.launch.plain import progress_words
from orchestrator.launch.snapshot import Board, Snapshot
from orchestrator.launch.watch import Watch
from orchestrator.outcome import Outcome


def run(word: str, root: str | None) -> Outcome:
    """`silent_s`: how old the orchestrator's last sign of life is, by this machine's clock."""
    stored = find_run(word, root)
    plan = stored.plan
    try:
        blob = stored.store.get(keys.CONTROL)
    except NotFound:
        result: dict[str, Any] = {"run_id": stored.run_id, "state": "planned"}
        return Outcome("status", result=result, human=f"{stored.run_id} was planned, and has not begun")
    control = decode(Control, blob.body, keys.CONTROL)
    silent_s = max(0.0, time.time() - blob.stored.stamp_ns / 1e9)
    snapshot = look(stored.store, plan)
    verdict = verdict_of(stored.store)
    result = {
        "run_id": stored.run_id,
        "state": control.state,
        "reason": control.reason,
        "epoch": control.epoch,
        "beat": control.beat,
        "lease_s": control.lease_s,
        "silent_s": silent_s,
        "granted": list(control.granted),
        "verdict": verdict,
        **{name: value for name, value in asdict(snapshot).items() if name not in ("ttft_ms", "stages")},
        "ttft_ms": None if snapshot.ttft_ms is None else dict(zip(("p50", "p90"), snapshot.ttft_ms)),
        "stages": [asdict(stage) for stage in snapshot.stages],
    }
    return Outcome("status", result=result, human=_words(stored, control, silent_s, snapshot, verdict))


def look(store: ObjectStore, plan: Plan) -> Snapshot:
    """The run's progress as its workers last wrote it."""
    fleet = Fleet(plan, "")
    board = Board(plan, fleet.groups)
    news = Watch(store).look(go=True)
    now_ns = time.time_ns()
    for go in news.go:
        fleet.go_settled(go, now_ns)
    for ready in news.ready:
        fleet.ready(ready, now_ns)
    for progress in news.progress:
        board.progress(progress)
    for receipt in news.receipts:
        fleet.receipt(receipt.shard, receipt.attempt)
        board.receipt(receipt)
    return board.snapshot(now_ns)


def _words(stored: StoredRun, control: Control, silent_s: float, snapshot: Snapshot, verdict: str | None) -> str:
    head = f"{stored.run_id}: {control.state}"
    if control.reason:
        head += f" ({control.reason})"
    if verdict is not None:
        head += f", {verdict}"
    elif control.state in ("wait", "go"):
        head += f", beat {control.beat}, {silent_s:.0f} s ago"
        if silent_s > control.lease_s:
            head += f": its launch is gone (benchctl attach {stored.run_id})"
    shards = ", ".join(f"{count} {word}" for word, count in snapshot.shards.items())
    return f"{head}\n{progress_words(snapshot)}\nshards: {shards}"
