"""Drive and conduct with workers that live in a store: a whole run, aborts, deaths, and who is left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from function.contract import keys
from function.contract.codec import decode, encode
from function.contract.control import Control, Go
from function.contract.errors import StoreError
from function.contract.observed import Observed
from function.contract.plan import Plan
from function.contract.receipt import Receipt, StopReason
from function.store.memory import MemoryStore
from function.store.port import Stored
from orchestrator.launch.abort import put_abort
from orchestrator.launch.clock import boot_ns, store_clock
from orchestrator.launch.conduct import Crew, conduct
from orchestrator.launch.drive import Driven, Run
from orchestrator.launch.fleet import Fleet, Patience
from orchestrator.launch.interrupts import Interrupted, Interrupts
from orchestrator.launch.lease import Lease
from orchestrator.providers.port import Ended
from tests.orchestrator.launch.crew import FakeProvider, FakeView
from tests.orchestrator.launch.world import S, make_plan

QUICK = {"lease_s": 6.0, "beat_s": 0.2, "poll_wait_s": 0.02, "start_delay_s": 0.06, "lead_s": 0.3, "pause_s": 0.05}


def quick_plan(lanes: int = 2, slices: tuple[int, ...] = (1,), slice_s: float = 0.4, **terms: float) -> Plan:
    return make_plan(lanes, slices, ("open",) * len(slices), slice_s=slice_s, **(QUICK | terms))


@dataclass
class Stage:
    """One run on a store of its own."""

    plan: Plan
    store: MemoryStore = field(default_factory=MemoryStore)
    view: FakeView = field(default_factory=FakeView)
    interrupts: Interrupts = field(default_factory=Interrupts)
    make: Callable[..., FakeProvider] = FakeProvider

    def __post_init__(self) -> None:
        control = Control("wait", 0, 0, (), self.plan.coordination.lease_s, "w")
        asked = boot_ns()
        stored = self.store.create(keys.CONTROL, encode(control))
        self.clock = store_clock(stored, asked, boot_ns())
        self.lease = Lease(self.store.at(""), control, stored.version, self.plan.coordination.beat_s)
        self.provider = self.make(self.store, self.plan)
        self.fleet = Fleet(self.plan, "w", 0, Patience(wind_down_ns=S))

    def conduct(self, detach: bool = False) -> Driven:
        crew = Crew(self.fleet, self.lease, self.provider, self.clock)
        return conduct(Run(self.store, self.plan, "h"), crew, self.view, self.interrupts, detach=detach)

    def control(self) -> Control:
        return decode(Control, self.store.get(keys.CONTROL).body)


def after(seconds: float, act: Callable[[], object]) -> None:
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()


def test_a_run_of_two_slices_and_two_phases_from_wait_to_done() -> None:
    stage = Stage(quick_plan(2, (2, 1)))
    driven = stage.conduct()
    assert (driven.aborted, driven.failure, driven.overdue) == (False, None, ())
    assert sorted(stage.provider.invoked) == [
        (shard.shard, 0) for shard in sorted(stage.plan.shards, key=lambda s: s.shard)
    ]
    assert set(driven.ends) == {f"{shard.shard}.0" for shard in stage.plan.shards}
    assert stage.control().state == "done"
    assert stage.control().granted == ("0-0", "0-1", "1-0")
    goes = [decode(Go, stage.store.get(keys.go(group)).body) for group in stage.control().granted]
    assert goes[0].t0_unix_ns == goes[1].t0_unix_ns == goes[1].run_t0_unix_ns == goes[2].run_t0_unix_ns
    assert goes[2].t0_unix_ns >= goes[0].t0_unix_ns + round(0.85 * S)


def test_what_was_seen_is_stored() -> None:
    stage = Stage(quick_plan(1))
    begun = time.time_ns()
    stage.conduct()
    seen = decode(Observed, stage.store.get(keys.ORCHESTRATOR).body)
    assert seen.ends["0-0-0.0"].exit_code == 0
    assert begun - S <= seen.started_unix_ns <= seen.ended_unix_ns <= time.time_ns() + S
    assert seen.suspended_ns == 0


def test_a_worker_that_dies_before_it_is_ready_is_replaced() -> None:
    stage = Stage(quick_plan(2), make=lambda s, p: FakeProvider(s, p, dies=lambda shard, a: shard == "0-1-0" and a < 2))
    driven = stage.conduct()
    assert driven.failure is None
    assert decode(Go, stage.store.get(keys.go("0-0")).body).attempts == {"0-0-0": 0, "0-1-0": 2}
    assert driven.ends["0-1-0.0"].detail == "line one\nit broke"
    assert "worker 0-1-0.0 ended with code 1: it broke" in stage.view.lines


class Unborn(FakeProvider):
    """Says of shard 0-0-0's first attempt, once it is granted, that a delivery of it never began; another one runs."""

    told = False

    def ended(self) -> list[Ended]:
        found = super().ended()
        if not self.told and any(entry.key for entry in self.store.list(keys.GO)):
            self.told = True
            found.append(Ended("0-0-0", 0, None, "Runtime.ImportModuleError: duplicate", began=False))
        return found


def test_a_delivery_that_never_began_does_not_end_the_one_that_runs() -> None:
    stage = Stage(quick_plan(1), make=Unborn)
    driven = stage.conduct()
    assert driven.overdue == () and not driven.aborted
    assert decode(Receipt, stage.store.get(keys.receipt("0-0-0")).body).reason == "complete"
    assert "worker 0-0-0.0 ended: Runtime.ImportModuleError: duplicate" in stage.view.lines
    assert stage.provider.told_recorded == 1, "what was seen is stored, and may be forgotten"


def test_workers_that_cannot_start_mean_no_load() -> None:
    stage = Stage(quick_plan(2), make=lambda s, p: FakeProvider(s, p, refuses=lambda shard, a: shard == "0-1-0"))
    driven = stage.conduct()
    assert driven.failure is not None and "1 of 2 shards" in driven.failure
    assert (stage.control().state, stage.control().reason) == ("abort", "ready")
    assert driven.ends["0-1-0.2"].detail == "no process to spare"
    assert not list(stage.store.list(keys.GO))


def test_anybodys_abort_ends_it_and_is_told() -> None:
    stage = Stage(quick_plan(2, slice_s=30.0))
    after(0.4, lambda: put_abort(stage.store, "user"))
    driven = stage.conduct()
    assert (driven.aborted, driven.reason) == (True, "user")
    assert stage.control().state == "abort"
    assert any("aborted (user)" in line for line in stage.view.lines)
    assert len(list(stage.store.list(keys.RECEIPTS))) == 2


@dataclass
class FullProvider(FakeProvider):
    """Its workers end with these words instead of a receipt."""

    words: str = "error[records_not_stored]: 9 bytes wait: no space"

    def ended(self) -> list[Ended]:
        over = super().ended()
        return [Ended(one.shard, one.attempt, 1, self.words) for one in over]

    def _commit(self, shard: str, attempt: int, reason: StopReason) -> None:
        pass


def test_workers_that_could_not_store_their_records_are_a_failed_run() -> None:
    stage = Stage(quick_plan(2), make=FullProvider)
    driven = stage.conduct()
    assert driven.unstored == "9 bytes wait: no space"
    assert not Stage(quick_plan(1)).conduct().unstored


class LateProvider(FakeProvider):
    """Its workers write a receipt, and end only when they are stopped: with an error."""

    def ended(self) -> list[Ended]:
        return [one for one in super().ended() if not self.stopped and one.exit_code]

    def stop_all(self, grace_s: float) -> list[Ended]:
        super().stop_all(grace_s)
        return [Ended(shard, attempt, 1, "error[store]: no space") for shard, attempt in self.invoked]


def test_an_error_that_comes_after_the_receipt_counts_too() -> None:
    driven = Stage(quick_plan(1), make=LateProvider).conduct()
    assert driven.unstored == "no space"


def test_a_control_that_cannot_be_renewed_is_said_at_once_and_fails_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(store: MemoryStore, key: str, body: bytes, version: str) -> Stored:
        raise StoreError("no space left")

    stage = Stage(quick_plan(1, slice_s=30.0, lease_s=2.0))
    put = MemoryStore.put

    def refuse_control(store: MemoryStore, key: str, body: bytes) -> Stored:
        if key == keys.CONTROL:
            raise StoreError("no space left")
        return put(store, key, body)

    def fill() -> None:
        monkeypatch.setattr(MemoryStore, "replace", refuse)
        monkeypatch.setattr(MemoryStore, "put", refuse_control)

    after(0.5, fill)
    begun = time.monotonic()
    driven = stage.conduct()
    assert time.monotonic() - begun < 15
    assert driven.unstored == "no space left"
    assert "control cannot be renewed: no space left" in stage.view.lines


def test_an_interrupt_aborts_and_waits_for_the_workers() -> None:
    stage = Stage(quick_plan(2, slice_s=30.0))
    after(0.4, stage.interrupts._asked.set)
    driven = stage.conduct()
    assert (driven.aborted, driven.reason) == (True, "user")
    assert len(list(stage.store.list(keys.RECEIPTS))) == 2


def test_a_frozen_worker_is_waited_for_only_so_long_and_killed() -> None:
    stage = Stage(
        quick_plan(2, slice_s=30.0), make=lambda s, p: FakeProvider(s, p, hangs=lambda shard: shard == "0-0-0")
    )
    after(0.3, lambda: put_abort(stage.store, "user"))
    driven = stage.conduct()
    assert driven.overdue == ("0-0-0",)
    assert driven.ends["0-0-0.0"].exit_code == -9


def test_a_takeover_makes_it_watch_until_the_new_owner_is_done() -> None:
    stage = Stage(quick_plan(1, slice_s=1.5))

    def take_over() -> None:
        while True:
            found = stage.store.get(keys.CONTROL)
            theirs = decode(Control, found.body)
            mine = Control("go", 1, theirs.beat + 1, theirs.granted, 6.0, "other")
            try:
                stage.store.replace(keys.CONTROL, encode(mine), found.stored.version)
            except StoreError:
                continue
            break
        time.sleep(0.6)
        stage.store.put(keys.CONTROL, encode(Control("done", 1, 99, theirs.granted, 6.0, "other")))

    after(0.5, take_over)
    driven = stage.conduct()
    assert driven.aborted is False
    assert stage.control().writer == "other"


def test_detached_it_leaves_once_control_lists_all() -> None:
    stage = Stage(quick_plan(2, slice_s=30.0))
    driven = stage.conduct(detach=True)
    assert driven.aborted is False
    assert stage.provider.left
    assert (stage.control().state, stage.control().granted) == ("go", ("0-0",))


class Exploding(FakeView):
    def update(self, snapshot: object) -> None:
        if len(self.snapshots) > 2:
            raise RuntimeError("a fault of ours")
        super().update(snapshot)  # type: ignore[arg-type]


def test_a_fault_of_ours_aborts_and_leaves_nobody_behind() -> None:
    stage = Stage(quick_plan(2, slice_s=30.0), view=Exploding())
    with pytest.raises(RuntimeError):
        stage.conduct()
    assert (stage.control().state, stage.control().reason) == ("abort", "lease: the orchestrator failed")
    assert stage.provider.stopped == 1
    assert not any(thread.name == "lease" for thread in threading.enumerate())


def test_a_second_interrupt_leaves_nobody_behind() -> None:
    class Twice(FakeView):
        def update(self, snapshot: object) -> None:
            if len(self.snapshots) > 2:
                raise Interrupted("SIGINT")
            super().update(snapshot)  # type: ignore[arg-type]

    stage = Stage(quick_plan(2, slice_s=30.0), view=Twice())
    with pytest.raises(Interrupted):
        stage.conduct()
    assert stage.control().state == "abort"
    assert stage.provider.stopped == 1


class Blinking(MemoryStore):
    """Its listings fail now and then."""

    looks = 0

    def list(self, prefix: str = "", *, shallow: bool = False):  # type: ignore[no-untyped-def]
        self.looks += 1
        if self.looks % 4 == 0:
            raise StoreError("try again")
        return super().list(prefix, shallow=shallow)


def test_a_store_that_fails_now_and_then_is_asked_again() -> None:
    stage = Stage(quick_plan(2), store=Blinking())
    driven = stage.conduct()
    assert (driven.failure, driven.overdue) == (None, ())
