"""The gate and the protocol around it, against everything that may happen in any order.

Five properties: (1) one sender, (2) only the granted attempt, and nothing before go, (3) silence within the lease of
the last accepted renewal and of an abort, and after one poll that was asked after an abort, (4) it runs when nobody
crashes, (5) an abort sticks. Each rule of the protocol, switched off, must break one: the planted violations.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.laws.gate_world import LEASE, LIVENESS_RULES, SAFETY_RULES, Orchestrator, Worker, World

WHO = st.integers(0, 3)
GRANT = st.sampled_from([None, 0, 0, 1])


class Anything(RuleBasedStateMachine):
    """Orchestrators, store and invocations, every step of any of them at any time.

    Most of what is worth seeing happens to a run that has begun, so most examples start with one.
    """

    off: frozenset[str] = frozenset()

    @initialize(granted=st.booleans(), sending=st.booleans())
    def begin(self, granted: bool, sending: bool) -> None:
        """Invoked; or granted while the event is still under way; or sending."""
        self.world = World(self.off)
        first = self.world.deliver(0)
        if sending:
            self.start(first)
        if granted or sending:
            self.world.prepare(self.world.launch, 0)
            self.world.land(self.world.launch)
        if sending:
            self.world.poll(first)

    def start(self, worker: Worker, reply_lost: bool = False) -> None:
        self.world.claim(worker, reply_lost)
        self.world.poll(worker)
        self.world.say_ready(worker)

    def worker(self, which: int) -> Worker:
        return self.world.workers[which % len(self.world.workers)]

    def orchestrator(self, which: int) -> Orchestrator:
        return (self.world.launch, self.world.launch, self.world.launch, self.world.attach)[which]

    @rule(ticks=st.integers(1, 6), beats=st.booleans(), polls=st.booleans())
    def time_passes(self, ticks: int, beats: bool, polls: bool) -> None:
        """Meanwhile launch renews and everybody polls, or not."""
        for _ in range(ticks):
            self.world.tick()
            self.world.everyone_sends()
            if beats:
                self.world.prepare(self.world.launch)
                self.world.land(self.world.launch)
            if polls:
                for worker in self.world.workers:
                    self.world.poll(worker)

    @rule(which=WHO)
    def poll(self, which: int) -> None:
        self.world.poll(self.worker(which))

    @rule(which=WHO, seconds=st.integers(0, 4), asked_first=st.booleans())
    def slow_poll(self, which: int, seconds: int, asked_first: bool) -> None:
        """The read hangs before it reaches the store, or its answer does on the way back."""
        worker = self.worker(which)
        self.world.ask(worker)
        if not asked_first:
            self.world.answer(worker)
        for _ in range(seconds):
            self.world.tick()
            self.world.everyone_sends()
        self.world.answer(worker)
        self.world.hear(worker)

    @rule(which=WHO, grant=GRANT)
    def renew(self, which: int, grant: int | None) -> None:
        self.world.prepare(self.orchestrator(which), grant)
        self.world.land(self.orchestrator(which))

    @rule(which=WHO, grant=GRANT, gives_up=st.booleans())
    def prepare(self, which: int, grant: int | None, gives_up: bool) -> None:
        """Lands whenever it lands; the client may have given it up by then."""
        self.world.prepare(self.orchestrator(which), grant)
        if gives_up:
            self.world.give_up(self.orchestrator(which))

    @rule(which=WHO)
    def land(self, which: int) -> None:
        self.world.land(self.orchestrator(which))

    @rule()
    def land_late(self) -> None:
        self.world.land_late()

    @precondition(lambda self: len(self.world.workers) < 4)
    @rule(attempt=st.integers(0, 1), reply_lost=st.booleans())
    def deliver(self, attempt: int, reply_lost: bool) -> None:
        """Another attempt, or the same event once more."""
        self.start(self.world.deliver(attempt), reply_lost)

    @rule(which=WHO, reply_lost=st.booleans())
    def get_ready(self, which: int, reply_lost: bool) -> None:
        self.start(self.worker(which), reply_lost)

    @rule()
    def abort(self) -> None:
        self.world.abort()

    @rule(which=WHO, asleep=st.booleans())
    def stop_or_continue(self, which: int, asleep: bool) -> None:
        worker = self.worker(which)
        if asleep:
            worker.asleep = not worker.asleep
        else:
            worker.stopped = not worker.stopped

    @rule()
    def storage_fails_or_recovers(self) -> None:
        self.world.readable = not self.world.readable

    @invariant()
    def whoever_may_send_does(self) -> None:
        self.world.everyone_sends()


def search(off: frozenset[str], examples: int, steps: int) -> None:
    machine = type("AnythingWithout", (Anything,), {"off": off})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_nothing_that_may_happen_breaks_safety() -> None:
    search(frozenset(), examples=300, steps=40)


@pytest.mark.parametrize("missing", ["CAS", "ROSTER", "BEAT"])
def test_planted_the_search_finds_what_a_missing_rule_breaks(missing: str) -> None:
    with pytest.raises(AssertionError):
        search(frozenset([missing]), examples=4000, steps=14)


# The shortest story for each rule: what happens without it. The same story is harmless with it.


def begun(world: World) -> Worker:
    """Attempt 0 is ready, granted and sends."""
    worker = joined(world, 0)
    renewed(world, 0)
    world.poll(worker)
    world.everyone_sends()
    assert world.sent_at
    return worker


def joined(world: World, attempt: int) -> Worker:
    worker = world.deliver(attempt)
    world.claim(worker)
    world.poll(worker)
    world.say_ready(worker)
    return worker


def renewed(world: World, grant: int | None = None) -> None:
    world.prepare(world.launch, grant)
    world.land(world.launch)


def later(world: World, seconds: int) -> None:
    for _ in range(seconds):
        world.tick()
        world.everyone_sends()


def a_renewal_lands_after_the_abort(world: World) -> None:
    begun(world)
    world.prepare(world.launch)
    world.abort()
    world.land(world.launch)


def a_renewal_given_up_lands_after_the_abort(world: World) -> None:
    begun(world)
    world.prepare(world.launch)
    world.give_up(world.launch)
    world.abort()
    world.land_late()


def a_second_attempt_sees_the_first_ones_go(world: World) -> None:
    begun(world)
    second = joined(world, 1)
    renewed(world)
    world.poll(second)
    world.everyone_sends()


def one_event_is_delivered_twice(world: World) -> None:
    begun(world)
    twin = joined(world, 0)
    renewed(world)
    world.poll(twin)
    world.everyone_sends()


def the_event_comes_when_the_orchestrator_is_dead(world: World) -> None:
    renewed(world, 0)
    later(world, 5)
    joined(world, 0)
    later(world, 2)


def a_lapsed_worker_sees_a_beat_that_is_new_to_it(world: World) -> None:
    worker = begun(world)
    renewed(world)
    later(world, 5)
    world.poll(worker)
    later(world, 2)


def the_machine_sleeps(world: World) -> None:
    worker = begun(world)
    worker.asleep = True
    later(world, 10)
    worker.asleep = False
    world.everyone_sends()


def the_process_is_stopped(world: World) -> None:
    worker = begun(world)
    worker.stopped = True
    later(world, 10)
    worker.stopped = False
    world.everyone_sends()


def the_clock_is_behind_and_the_orchestrator_dies(world: World) -> None:
    begun(world)
    later(world, LEASE + 1)


def a_beat_is_read_long_after_it_was_written(world: World) -> None:
    worker = begun(world)
    renewed(world)
    later(world, 2)
    world.poll(worker)
    later(world, LEASE)


STORIES = {
    "CAS": [a_renewal_lands_after_the_abort, a_renewal_given_up_lands_after_the_abort],
    "ROSTER": [a_second_attempt_sees_the_first_ones_go],
    "REQID": [one_event_is_delivered_twice],
    "MOVED": [the_event_comes_when_the_orchestrator_is_dead],
    "LATCH": [a_lapsed_worker_sees_a_beat_that_is_new_to_it],
    "BOOT": [the_machine_sleeps],
    "GATE": [the_process_is_stopped],
    "BEAT": [the_clock_is_behind_and_the_orchestrator_dies],
    "HALVES": [a_beat_is_read_long_after_it_was_written],
}
TOLD = [(missing, story) for missing, stories in STORIES.items() for story in stories]


@pytest.mark.parametrize(("missing", "story"), TOLD, ids=[f"{m}-{s.__name__}" for m, s in TOLD])
def test_planted_each_rule_is_needed(missing: str, story: Callable[[World], None]) -> None:
    story(World())
    with pytest.raises(AssertionError, match=r"^[1235]: "):
        story(World(frozenset([missing])))


def test_every_safety_rule_has_its_story() -> None:
    assert set(STORIES) == set(SAFETY_RULES)


# Liveness: nobody crashes, everybody takes his turn each second, and the shard is sent from soon until the end.


def healthy(off: frozenset[str], replies_lost: list[bool], dies: bool, order: list[int]) -> World:
    """Attempt 0 is delivered once or more; with `dies` it dies after its claim and attempt 1 is invoked."""
    world = World(off)
    workers = [world.deliver(0) for _ in replies_lost]
    for worker, lost in zip(workers, replies_lost):
        world.claim(worker, lost)
        world.die(worker) if dies else world.say_ready(worker)
    if dies:
        again = world.deliver(1)
        world.claim(again)
        world.say_ready(again)
        workers.append(again)
    for turn in range(20):
        ready = [worker.attempt for worker in workers if worker.ready]
        beat_first = order[turn % len(order)]
        for step in range(2):
            if (step == 0) == (beat_first == 0):
                renewed(world, ready[0] if ready else None)
            else:
                for worker in workers:
                    world.poll(worker)
        later(world, 1)
    return world


def check_alive(world: World) -> None:
    assert world.sent_at and min(world.sent_at) <= 4, "4: it runs when nobody crashes"
    assert set(world.sent_at) >= set(range(5, 20)), "4: and goes on"


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    replies_lost=st.lists(st.booleans(), min_size=1, max_size=3),
    dies=st.booleans(),
    order=st.lists(st.integers(0, 1), min_size=1, max_size=5),
)
def test_it_runs_when_nobody_crashes(replies_lost: list[bool], dies: bool, order: list[int]) -> None:
    check_alive(healthy(frozenset(), replies_lost, dies, order))


MISFORTUNES = {"NONCE": ([True], False), "ATTEMPT": ([False], True), "LENGTH": ([False], False)}


@pytest.mark.parametrize("missing", LIVENESS_RULES)
def test_planted_without_a_rule_it_does_not_run(missing: str) -> None:
    replies_lost, dies = MISFORTUNES[missing]
    check_alive(healthy(frozenset(), replies_lost, dies, [0, 1]))
    with pytest.raises(AssertionError, match=r"^4: "):
        check_alive(healthy(frozenset([missing]), replies_lost, dies, [0, 1]))
