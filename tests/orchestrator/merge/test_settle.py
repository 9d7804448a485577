"""Time is the pauses that `settle` asks for; what happens meanwhile happens in them."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from msgspec import structs

from function.contract import keys
from function.contract.codec import decode, encode
from function.contract.control import Control
from function.contract.errors import UsageError
from function.store.memory import MemoryStore
from orchestrator.merge.settle import settle
from tests.emulators.stored_run import Truth


class World:
    """A run whose orchestrator or workers do something at a given second."""

    def __init__(self, truth: Truth, now_ns: Callable[[], int] = time.time_ns) -> None:
        self.store = MemoryStore(now_ns)
        truth.write(self.store)
        self.slept_s = 0.0
        self.events: list[tuple[float, Callable[[], None]]] = []

    def at(self, second: float, act: Callable[[], None]) -> None:
        self.events.append((second, act))

    def every(self, second: float, act: Callable[[], None], times: int = 40) -> None:
        for i in range(1, times):
            self.at(i * second, act)

    def sleep(self, seconds: float) -> None:
        self.slept_s += seconds
        due = [event for event in self.events if event[0] <= self.slept_s]
        self.events = [event for event in self.events if event[0] > self.slept_s]
        for _, act in sorted(due, key=lambda event: event[0]):
            act()

    def control(self) -> Control:
        return decode(Control, self.store.get(keys.CONTROL).body)

    def beat(self) -> None:
        control = self.control()
        self.store.put(keys.CONTROL, encode(structs.replace(control, beat=control.beat + 1)))

    def say(self, state: str) -> None:
        self.store.put(keys.CONTROL, encode(structs.replace(self.control(), state=state, beat=99)))

    def alive(self, shard: str) -> None:
        self.store.put(keys.progress(f"{shard}.0"), f"{self.slept_s}".encode())

    def commit(self, shard: str) -> None:
        whole = MemoryStore()
        Truth(lanes=2).write(whole)
        self.store.create(keys.receipt(shard), whole.get(keys.receipt(shard)).body)


def unfinished(control: str = "go") -> Truth:
    truth = Truth(lanes=2)
    truth.shards["0-0-0"].receipt = False
    truth.control = control  # type: ignore[assignment]
    return truth


def test_all_receipts_are_in_and_nothing_is_awaited() -> None:
    world = World(Truth(lanes=2))
    assert settle(world.store, world.sleep).all_in
    truth = Truth(lanes=2)
    truth.control = "go"
    world = World(truth)
    assert settle(world.store, world.sleep).all_in
    assert world.slept_s == 0
    assert world.control().state == "go"


def test_a_beat_that_moves_is_a_run_that_is_active() -> None:
    world = World(unfinished())
    world.every(1.0, world.beat)
    with pytest.raises(UsageError) as raised:
        settle(world.store, world.sleep)
    assert (raised.value.code, raised.value.exit_code) == ("run_active", 2)
    assert world.control().state == "go", "it was left alone"


def test_a_beat_that_stands_still_for_a_lease_is_aborted() -> None:
    world = World(unfinished())
    run = settle(world.store, world.sleep)
    assert world.slept_s == pytest.approx(6.0)
    assert world.control().state == "abort"
    assert world.control().reason == "merge"
    assert world.control().beat == 10
    assert [standing.shard for standing in run.pending] == ["0-0-0"]


def test_workers_that_are_alive_get_another_lease_to_commit() -> None:
    world = World(unfinished())
    world.every(1.0, lambda: world.alive("0-0-0"))
    world.at(8.0, lambda: world.commit("0-0-0"))
    run = settle(world.store, world.sleep)
    assert run.all_in
    assert 8.0 <= world.slept_s < 9.0


def test_workers_that_never_commit_are_not_awaited_for_ever() -> None:
    world = World(unfinished())
    world.every(1.0, lambda: world.alive("0-0-0"))
    run = settle(world.store, world.sleep)
    assert world.slept_s == pytest.approx(12.0)
    assert run.pending


def test_a_run_that_ends_while_it_is_watched_is_merged() -> None:
    world = World(unfinished())
    world.at(2.0, lambda: world.commit("0-0-0"))
    world.at(2.0, lambda: world.say("done"))
    assert settle(world.store, world.sleep).all_in
    assert world.control().state == "done"
    world = World(unfinished())
    world.at(2.0, lambda: world.say("abort"))
    assert settle(world.store, world.sleep).ended


def test_after_an_abort_workers_get_what_is_left_of_the_lease() -> None:
    world = World(unfinished("abort"))
    world.at(1.0, lambda: world.commit("0-0-0"))
    assert settle(world.store, world.sleep).all_in
    assert world.slept_s == pytest.approx(1.0, abs=0.3)


def test_a_year_later_nobody_is_awaited() -> None:
    year_ns = 365 * 24 * 3600 * 1_000_000_000
    world = World(unfinished("abort"), now_ns=lambda: time.time_ns() - year_ns)
    assert settle(world.store, world.sleep).pending
    assert world.slept_s == 0
    ahead = World(unfinished("abort"), now_ns=lambda: time.time_ns() + year_ns)
    settle(ahead.store, ahead.sleep)
    assert ahead.slept_s == pytest.approx(6.0), "a store whose clock is ahead costs a lease, no more"


def test_without_control_a_launch_may_be_about_to_write_it() -> None:
    truth = unfinished()
    truth.control = None
    world = World(truth)
    settle(world.store, world.sleep)
    assert world.slept_s == pytest.approx(6.0)
    assert world.control().state == "abort"


def test_a_detached_run_is_active_until_its_lease_is_over() -> None:
    truth = unfinished()
    plan = truth.plan()
    detached = structs.replace(plan, coordination=structs.replace(plan.coordination, detached=True))
    world = World(truth)
    world.store.put(keys.PLAN, encode(detached))
    with pytest.raises(UsageError, match="workers may send"):
        settle(world.store, world.sleep)
    world = World(truth, now_ns=lambda: time.time_ns() - 60_000_000_000)
    world.store.put(keys.PLAN, encode(detached))
    assert settle(world.store, world.sleep).pending
    assert world.slept_s == 0
