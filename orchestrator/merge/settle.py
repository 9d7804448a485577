"""Before a run is merged by somebody who did not watch it: is anything still going on, and what will never come?

Receipts of all shards, or control at done or abort: it is over. Else control is watched for one lease. Whoever renews
it is at work and must not be merged under; if it stands still, its workers have lapsed: an abort is put, so that no
late go can start anything, and what left no receipt is sealed.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping

from function.contract import keys
from function.contract.codec import encode
from function.contract.control import Control
from function.contract.errors import UsageError
from function.store.port import ObjectStore
from orchestrator.merge.stored import StoredRun, maybe, read_run, readable

POLL_S = 0.2
REASON = "merge"

Sleep = Callable[[float], None]


def settle(store: ObjectStore, sleep: Sleep = time.sleep) -> StoredRun:
    """The run once nothing of it is alive any more; shards may still lack a receipt. Raises UsageError `run_active`."""
    run = read_run(store)
    if run.all_in:
        return run
    if run.ended:
        return _await_receipts(store, run, _lease_left_s(run), sleep)
    before = _signs(store)
    _watch(store, run, sleep)
    run = read_run(store)
    if run.all_in or run.ended:
        return run
    alive = _signs(store) != before
    store.put(keys.CONTROL, encode(_abort(run)))
    return _await_receipts(store, read_run(store), _lease_s(run) if alive else 0.0, sleep)


def _watch(store: ObjectStore, run: StoredRun, sleep: Sleep) -> None:
    """Control for one lease; returns when it stood still, or when the run came to its end meanwhile."""
    left_s = _lease_s(run)
    if run.plan.coordination.detached:
        # Nobody beats: its workers go on alone until the lease, which is the plan's end.
        left_s = _lease_left_s(run)
        if left_s > 0 and run.pending:
            raise _active(f"its workers may send for another {left_s:.0f} s")
    wanted = {keys.receipt(standing.shard) for standing in run.standings}
    for pause_s in _pauses(run, left_s):
        sleep(pause_s)
        control = readable(Control, maybe(store, keys.CONTROL), keys.CONTROL)
        if _committed(store) >= wanted or (control is not None and control.state in ("done", "abort")):
            return
        if control != run.control:
            raise _active("its orchestrator is at work")


def _await_receipts(store: ObjectStore, run: StoredRun, patience_s: float, sleep: Sleep) -> StoredRun:
    """Workers that read the abort still flush and commit: give them until their lease is over anyway."""
    wanted = {keys.receipt(standing.shard) for standing in run.pending}
    if not wanted or patience_s <= 0:
        return run
    for pause_s in _pauses(run, patience_s):
        if _committed(store) >= wanted:
            break
        sleep(pause_s)
    return read_run(store)


def _pauses(run: StoredRun, total_s: float) -> Iterator[float]:
    """As the workers poll: a local store five times a second, a bucket once."""
    poll_s = max(POLL_S, run.plan.coordination.poll_s)
    while total_s > 0:
        yield min(poll_s, total_s)
        total_s -= poll_s


def _committed(store: ObjectStore) -> set[str]:
    return {entry.key for entry in store.list(keys.RECEIPTS)}


def _lease_s(run: StoredRun) -> float:
    return run.plan.coordination.lease_s if run.control is None else run.control.lease_s


def _lease_left_s(run: StoredRun) -> float:
    """Of control's last word, by the store's stamp; a clock that is off makes it one lease at most."""
    age_s = (time.time_ns() - run.control_ns) / 1e9
    return min(max(0.0, _lease_s(run) - age_s), _lease_s(run))


def _signs(store: ObjectStore) -> Mapping[str, str]:
    """Signs of life: progress is overwritten every second or two by whoever is alive."""
    return {entry.key: entry.version for entry in store.list(keys.PROGRESS)}


def _abort(run: StoredRun) -> Control:
    writer, control = f"merge-{secrets.token_hex(8)}", run.control
    if control is None:
        # What is written over is named: a later merge cannot see it any more.
        reason = f"{REASON}: {keys.CONTROL} could not be read" if keys.CONTROL in run.damaged else REASON
        return Control("abort", 0, 0, (), run.plan.coordination.lease_s, writer, reason)
    return Control("abort", control.epoch, control.beat + 1, control.granted, control.lease_s, writer, REASON)


def _active(why: str) -> UsageError:
    return UsageError(
        f"the run is still active: {why}",
        path="RUN",
        hint="wait for its end, watch it with `benchctl attach`, or stop it with `benchctl abort`",
        code="run_active",
    )
