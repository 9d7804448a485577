"""`attach`: watch a run from anywhere; where its orchestrator has died, take over, or end what its lease has ended.

While the beat moves this only watches. When it has stood still for two beats and the workers still may send, the run is
taken over: control is replaced by one of the next epoch, and the dead orchestrator, should it wake, is an observer.
Later than that the workers are silent, and what is left is abort and merge.
"""

from __future__ import annotations

import os
import secrets
import time
from dataclasses import dataclass

from msgspec import structs

from function.contract import keys
from function.contract.codec import decode, digest, encode
from function.contract.control import Control, Go
from function.contract.errors import NotFound, StoreError, UsageError
from function.contract.plan import Plan
from function.contract.spec import ShardSpec
from function.store.owned import replace_owned
from function.store.port import ObjectStore
from orchestrator.launch.abort import hold_abort, put_abort
from orchestrator.launch.clock import StoreClock
from orchestrator.launch.conduct import Crew, conduct
from orchestrator.launch.drive import Run
from orchestrator.launch.ending import Reported, merge_and_report, report_driven
from orchestrator.launch.fleet import Fleet, patience_for
from orchestrator.launch.interrupts import Interrupts
from orchestrator.launch.lease import Lease
from orchestrator.launch.locate import StoredRun, kept, log_folder
from orchestrator.launch.observe import Observer
from orchestrator.launch.preflight import probe_clock
from orchestrator.launch.silence import silence
from orchestrator.launch.timetable import SECOND_NS
from orchestrator.launch.view import View
from orchestrator.providers.opening import Station, open_provider

WIND_DOWN_S = 10.0


@dataclass(frozen=True, slots=True)
class Attached:
    """`aborted_by_user`: from here, by Ctrl-C after a takeover."""

    reported: Reported
    aborted_by_user: bool


def attach(stored: StoredRun, view: View) -> Attached:
    """Until the run is over. Raises UsageError (`run_not_started`), and Interrupted while it only watches."""
    store, plan = stored.store, stored.plan
    with Interrupts() as interrupts:
        clock = _started(store)
        while True:
            seen = Observer(store, plan, view, clock).until_known(interrupts.wait)
            if seen == "still":
                taken = _take_over(store, plan, clock)
                if taken is not None:
                    why = "was left to itself" if plan.coordination.detached else "has lost its orchestrator"
                    view.say(f"{plan.run_id} {why}: taking over")
                    return _finish(stored, taken, clock, view, interrupts)
                if not _lapsed(store, plan, clock):
                    continue  # somebody else was faster
                view.say(f"{plan.run_id} has lost its orchestrator, and its lease with it: ending the run")
                hold_abort(store, put_abort(store, "lease"), plan.coordination.beat_s, silence(store))
            elif seen == "abort":
                _await_silence(store)
            return Attached(merge_and_report(store, plan.run_id, ()), False)


@dataclass(frozen=True, slots=True)
class Taken:
    """Control as we wrote it, and its version."""

    control: Control
    version: str


def _started(store: ObjectStore) -> StoreClock:
    try:
        store.get(keys.CONTROL)
    except NotFound as error:
        hint = "its launch died while it was stored; nothing was sent, launch again"
        raise UsageError("the run has not begun", path="RUN", hint=hint, code="run_not_started") from error
    return probe_clock(store)


def _take_over(store: ObjectStore, plan: Plan, clock: StoreClock) -> Taken | None:
    """None when the workers may be silent by now, or somebody else wrote control meanwhile."""
    found = store.get(keys.CONTROL)
    control = decode(Control, found.body, keys.CONTROL)
    age_ns = clock.now_ns() - found.stored.stamp_ns
    if control.state in ("abort", "done") or age_ns >= _safe_ns(plan):
        return None
    mine = structs.replace(control, epoch=control.epoch + 1, beat=control.beat + 1, writer=secrets.token_hex(16))
    try:
        stored = replace_owned(store, keys.CONTROL, encode(mine), found.stored.version)
    except StoreError:
        return None  # its writer may be stopped in mid-write, and hold the lock
    return None if stored is None else Taken(mine, stored.version)


def _lapsed(store: ObjectStore, plan: Plan, clock: StoreClock) -> bool:
    found = store.get(keys.CONTROL)
    return clock.now_ns() - found.stored.stamp_ns >= _safe_ns(plan)


def _safe_ns(plan: Plan) -> int:
    """How old a beat may be for a takeover: workers stop half a lease after it, and need a poll to see the next."""
    terms = plan.coordination
    return round((terms.lease_s / 2 - terms.poll_s - 1.0) * SECOND_NS)


def _finish(stored: StoredRun, taken: Taken, clock: StoreClock, view: View, interrupts: Interrupts) -> Attached:
    store, plan = stored.store, stored.plan
    lease = Lease(kept(store.at("")), taken.control, taken.version, plan.coordination.beat_s)
    fleet = Fleet(plan, taken.control.writer, clock.error_ns, patience_for(plan))
    for entry in store.list(keys.GO):
        go = decode(Go, store.get(entry.key).body, entry.key)
        fleet.go_settled(go, clock.now_ns())
    for group in taken.control.granted:
        fleet.announced(group)
    station = Station(store.uri, log_folder(store, plan.run_id), _variables(store, plan), plan.regions)
    provider = open_provider(plan.provider, station)
    run = Run(store, plan, digest(stored.plan_body))
    driven = conduct(run, Crew(fleet, lease, provider, clock), view, interrupts)
    reported = report_driven(store, plan.run_id, driven)
    return Attached(reported, driven.aborted and interrupts.asked)


def _variables(store: ObjectStore, plan: Plan) -> dict[str, str]:
    """Environment variables that specs name for secrets, as far as they are set here. All specs name the same ones."""
    key = keys.spec(plan.shards[0].shard)
    spec = decode(ShardSpec, store.get(key).body, key)
    names = {ref.name for ref in spec.target.secret_headers.values() if ref.source == "env"}
    return {name: os.environ[name] for name in names if name in os.environ}


def _await_silence(store: ObjectStore) -> None:
    silent, deadline = silence(store), time.monotonic() + WIND_DOWN_S
    while not silent() and time.monotonic() < deadline:
        time.sleep(0.2)
