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


class Anything(RuleBasedStateMachine):
    """Orchestrators, store and invocations, every step of any of them at any time."""

    off: frozenset[str] = frozenset()

    @initialize(duplicate=st.booleans())
    def begin(self, duplicate: bool) -> None:
        self.world = World(self.off)
        self.world.deliver(0)
        if duplicate:
            self.world.deliver(0)

    def worker(self, which: int) -> Worker:
        return self.world.workers[which % len(self.world.workers)]

    def orchestrator(self, which: int) -> Orchestrator:
        return (self.world.launch, self.world.launch, self.world.launch, self.world.attach)[which]

    @rule(ticks=st.integers(1, 4), beats=st.booleans())
    def time_passes(self, ticks: int, beats: bool) -> None:
        """With `beats`, launch goes on renewing meanwhile, and the store can be read or not as before."""
        for _ in range(ticks):
            self.world.tick()
            self.world.everyone_sends()
            if beats:
                self.world.prepare(self.world.launch)
                self.world.land(self.world.launch)

    @rule(which=WHO, reply_lost=st.booleans())
    def claim_and_be_ready(self, which: int, reply_lost: bool) -> None:
        self.world.claim(self.worker(which), reply_lost)
        self.world.say_ready(self.worker(which))

    @rule(which=WHO)
    def poll(self, which: int) -> None:
        self.world.poll(self.worker(which))

    @rule(which=WHO)
    def ask(self, which: int) -> None:
        self.world.ask(self.worker(which))

    @rule(which=WHO)
    def answer(self, which: int) -> None:
        self.world.answer(self.worker(which))

    @rule(which=WHO)
    def hear(self, which: int) -> None:
        self.world.hear(self.worker(which))

    @rule(which=WHO, grant=st.integers(0, 1))
    def renew(self, which: int, grant: int) -> None:
        self.world.prepare(self.orchestrator(which), grant)
        self.world.land(self.orchestrator(which))

    @rule(which=WHO, grant=st.integers(0, 1))
    def prepare(self, which: int, grant: int) -> None:
        self.world.prepare(self.orchestrator(which), grant)

    @rule(which=WHO)
    def land(self, which: int) -> None:
        self.world.land(self.orchestrator(which))

    @rule(which=WHO)
    def give_up(self, which: int) -> None:
        self.world.give_up(self.orchestrator(which))

    @rule()
    def land_late(self) -> None:
        self.world.land_late()

    @precondition(lambda self: len(self.world.workers) < 4)
    @rule(attempt=st.integers(0, 1))
    def deliver_again(self, attempt: int) -> None:
        self.world.deliver(attempt)

    @rule()
    def abort(self) -> None:
        self.world.abort()

    @rule(which=WHO)
    def stop_or_continue(self, which: int) -> None:
        self.worker(which).stopped = not self.worker(which).stopped

    @rule(which=WHO)
    def sleep_or_wake(self, which: int) -> None:
        self.worker(which).asleep = not self.worker(which).asleep

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
