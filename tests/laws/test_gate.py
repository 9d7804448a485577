"""The gate and the protocol around it, against everything that may happen in any order.

Five properties: (1) one sender, (2) only the granted attempt, and nothing before go, (3) silence within the lease of the
last accepted renewal and of an abort, and after one poll that an abort was there to be read by, (4) it runs when nobody
crashes, (5) an abort sticks. Each rule of the protocol, switched off, must break one: the planted violations.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from tests.laws.gate_world import LIVENESS_RULES, SAFETY_RULES, Orchestrator, Worker, World

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


def test_nothing_that_may_happen_breaks_safety() -> None:
    run_state_machine_as_test(
        Anything,
        settings=settings(max_examples=300, stateful_step_count=40, deadline=None, derandomize=True, database=None),
    )
