"""Attaching to a run: watch while its orchestrator lives, take over while workers may send, end it after a lapse."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from msgspec import structs

from function.contract import keys
from function.contract.codec import decode, digest, encode
from function.contract.control import Control, Go, Payload
from function.contract.errors import UsageError
from function.contract.plan import Plan
from function.contract.spec import SecretRef, ShardSpec, Target
from function.store.memory import MemoryStore
from function.store.port import Blob
from orchestrator.launch import attach as module
from orchestrator.launch.attach import Attached, attach
from orchestrator.launch.locate import StoredRun
from tests.orchestrator.launch.crew import FakeProvider, FakeView, make_receipt
from tests.orchestrator.launch.test_conduct import quick_plan
from tests.orchestrator.launch.world import S


class Scene:
    """A run as a dead or living orchestrator left it, and what merge was called with."""

    def __init__(self, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
        self.plan, self.store, self.view = plan, MemoryStore(), FakeView()
        self.body = encode(plan)
        self.store.put(keys.PLAN, self.body)
        self.provider = FakeProvider(self.store, plan)
        self.merged: list[tuple[str, ...]] = []

        def merge(store: object, run_id: str, ended: tuple[str, ...]) -> Any:
            self.merged.append(ended)
            return "reported"

        monkeypatch.setattr(module, "merge_and_report", merge)
        monkeypatch.setattr(module, "report_driven", lambda store, run_id, driven: merge(store, "", tuple(driven.ends)))
        monkeypatch.setattr(module, "open_provider", lambda *given: self.provider)
        monkeypatch.setattr(module, "_variables", lambda store, plan: {})  # it has a test of its own

    def control(self, **given: Any) -> None:
        lease_s = self.plan.coordination.lease_s
        self.store.put(keys.CONTROL, encode(structs.replace(Control("go", 0, 3, (), lease_s, "dead"), **given)))

    def read(self) -> Control:
        return decode(Control, self.store.get(keys.CONTROL).body)

    def go(self, t0_in_s: float) -> None:
        t0 = time.time_ns() + round(t0_in_s * S)
        self.store.put(keys.go("0-0"), encode(Go(0, 0, t0, t0, {"0-0-0": 0, "0-1-0": 0}, "dead")))

    def workers(self) -> None:
        """Both lanes of the first slice, invoked by the dead one."""
        for lane in (0, 1):
            self.provider.invoke(Payload("", f"0-{lane}-0", 0, digest(self.body), 0.0))
        self.provider.invoked.clear()

    def attach(self) -> Attached:
        return attach(StoredRun("r", self.store, self.body), self.view)


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(quick_plan(2, (2,), slice_s=1.0), monkeypatch)


def test_a_run_that_never_began_is_refused(scene: Scene) -> None:
    with pytest.raises(UsageError) as refused:
        scene.attach()
    assert refused.value.code == "run_not_started"
    assert scene.merged == []


def test_a_run_that_is_done_is_merged_and_nothing_written(scene: Scene) -> None:
    scene.control(state="done")
    before = scene.store.get(keys.CONTROL)
    assert scene.attach() == Attached("reported", False)  # type: ignore[arg-type]
    assert scene.store.get(keys.CONTROL) == before
    assert len(scene.merged) == 1


def test_an_aborted_run_is_merged_once_its_workers_have_stopped(scene: Scene) -> None:
    scene.control(state="abort", reason="user")
    scene.go(0)
    scene.store.put(keys.receipt("0-0-0"), encode(make_receipt("0-0-0", 0, "abort")))
    late = threading.Timer(
        0.5, lambda: scene.store.put(keys.receipt("0-1-0"), encode(make_receipt("0-1-0", 0, "abort")))
    )
    late.start()
    begun = time.monotonic()
    assert scene.attach().aborted_by_user is False, "not from here"
    assert 0.4 <= time.monotonic() - begun < 5


def test_while_the_beat_moves_it_only_watches(scene: Scene) -> None:
    scene.control(granted=("0-0",))
    scene.go(0)

    def beat() -> None:
        for number in range(4, 10):
            time.sleep(0.2)
            scene.control(beat=number, granted=("0-0",))
        scene.control(state="done", beat=10)

    living = threading.Thread(target=beat)
    living.start()
    scene.attach()
    living.join()
    assert scene.read().writer == "dead"
    assert scene.provider.invoked == []
    assert scene.view.snapshots


def test_a_dead_orchestrators_run_is_taken_over_and_carried_to_its_end(scene: Scene) -> None:
    scene.control(granted=("0-0",))
    scene.go(0.2)
    scene.workers()
    scene.attach()
    ended = scene.read()
    assert (ended.state, ended.epoch) == ("done", 1)
    assert ended.granted == ("0-0", "0-1")
    assert scene.provider.invoked == [("0-0-1", 0), ("0-1-1", 0)], "the later slice is ours to invoke"
    assert (
        decode(Go, scene.store.get(keys.go("0-1")).body).t0_unix_ns
        == decode(Go, scene.store.get(keys.go("0-0")).body).t0_unix_ns
    )
    assert set(scene.merged[0]) == {"0-0-0.0", "0-1-0.0", "0-0-1.0", "0-1-1.0"}


def test_a_go_that_was_created_and_not_announced_is_announced(scene: Scene) -> None:
    scene.control(state="wait")
    scene.go(1.0)
    scene.workers()
    scene.attach()
    assert "0-0" in scene.read().granted


def test_after_a_lapse_the_run_is_ended_and_merged(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_safe_ns", lambda plan: 0)
    scene.control(granted=("0-0",))
    scene.go(-30)
    scene.attach()
    assert (scene.read().state, scene.read().reason, scene.read().epoch) == ("abort", "lease", 0)
    assert scene.provider.invoked == []
    assert scene.merged == [()]


def test_a_detached_run_is_taken_over_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = quick_plan(2, (1,), slice_s=0.5, lease_s=60.0, beat_s=10.0)
    scene = Scene(structs.replace(plan, coordination=structs.replace(plan.coordination, detached=True)), monkeypatch)
    scene.control(granted=("0-0",))
    scene.go(0.1)
    scene.workers()
    begun = time.monotonic()
    scene.attach()
    assert time.monotonic() - begun < 8
    assert (scene.read().state, scene.read().epoch) == ("done", 1)


def test_two_who_attach_do_not_both_take_over(scene: Scene) -> None:
    class Rivals(MemoryStore):
        """Between one's read and its replace, the other takes over."""

        def get(self, key: str) -> Blob:
            found = super().get(key)
            if key == keys.CONTROL and decode(Control, found.body).epoch == 0:
                theirs = structs.replace(decode(Control, found.body), epoch=1, writer="rival")
                self.replace(key, encode(theirs), found.stored.version)
            return found

    store = Rivals()
    store.put(keys.CONTROL, encode(Control("go", 0, 3, (), 6.0, "dead")))
    assert module._take_over(store, scene.plan, module.probe_clock(store)) is None
    assert decode(Control, store.get(keys.CONTROL).body).writer == "rival"


def test_secrets_of_a_taken_over_run_come_from_this_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    store, plan = MemoryStore(), quick_plan(1)
    refs = {
        "Authorization": SecretRef("env", "KEY"),
        "X": SecretRef("env", "UNSET"),
        "Y": SecretRef("aws_secret", "arn"),
    }
    target = Target("http://h", "chat", True, secret_headers=refs)
    spec = ShardSpec("r", "0-0-0", 0, 0, 0, 1, "h", "c", "open", 1, "0" * 64, (), ("m",), target, (), 0, S)
    store.put(keys.spec("0-0-0"), encode(spec))
    monkeypatch.setenv("KEY", "value")
    monkeypatch.delenv("UNSET", raising=False)
    assert module._variables(store, plan) == {"KEY": "value"}
