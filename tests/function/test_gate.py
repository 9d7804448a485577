"""Each rule of the gate by itself; what they are for together is in tests/laws/test_gate.py."""

from __future__ import annotations

import pytest

from function.gate import Gate, Stop
from tests.function.open_gate import SHARD, control, go, open_gate
from tests.function.virtual import SECOND, VirtualClock

LEASE = 6 * SECOND


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def gate(clock: VirtualClock) -> Gate:
    return Gate(SHARD, 0, LEASE, clock)


def test_nothing_may_be_sent_before_go(gate: Gate, clock: VirtualClock) -> None:
    gate.heard(clock.now_ns(), control(1))
    gate.heard(clock.now_ns(), control(2))
    assert gate.permit() == "lease"
    assert gate.stop() is None
    gate.named(go())
    assert gate.permit() is None


def test_nothing_may_be_sent_before_the_beat_moved(gate: Gate, clock: VirtualClock) -> None:
    gate.named(go())
    for _ in range(3):
        gate.heard(clock.now_ns(), control(7))
        assert gate.permit() == "lease"
    gate.heard(clock.now_ns(), control(8))
    assert gate.permit() is None


@pytest.mark.parametrize("attempts", [{SHARD: 1}, {"0-1-0": 0}, {}])
def test_a_go_that_names_another_attempt_opens_nothing(
    gate: Gate, clock: VirtualClock, attempts: dict[str, int]
) -> None:
    gate.heard(clock.now_ns(), control(1))
    gate.heard(clock.now_ns(), control(2))
    gate.named(go(attempts))
    gate.named(go())
    assert gate.permit() == "lease"
    assert not gate.go_names_me and not gate.open


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        (None, "user"),
        ("user", "user"),
        ("breaker", "breaker"),
        ("breaker: 5 failures in a row", "breaker"),
        ("lease: the orchestrator slept", "lease"),
        ("leased car", "user"),
    ],
)
def test_abort_is_final_and_says_why(clock: VirtualClock, reason: str | None, kind: str) -> None:
    gate = open_gate(clock)
    clock.advance(1)
    gate.heard(clock.now_ns(), control(3, "abort", reason=reason))
    assert gate.permit() == kind
    assert gate.stop() == Stop("abort", kind, clock.now_ns(), reason)  # type: ignore[arg-type]
    gate.heard(clock.now_ns(), control(4))
    assert gate.permit() == kind


def test_done_is_a_stop(clock: VirtualClock) -> None:
    gate = open_gate(clock)
    gate.heard(clock.now_ns(), control(3, "done"))
    assert gate.permit() == "user"
    stop = gate.stop()
    assert stop is not None and stop.reason == "abort"


def test_the_lease_ends_half_a_lease_after_the_read_that_showed_the_beat_was_asked(clock: VirtualClock) -> None:
    gate = open_gate(clock, LEASE)
    asked_ns = clock.now_ns()
    clock.advance(2)
    gate.heard(asked_ns, control(3))  # its answer took two seconds
    clock.advance(0.999)
    assert gate.permit() is None
    clock.advance(0.001)
    assert gate.permit() == "lease"
    stop = gate.stop()
    assert stop is not None
    assert (stop.reason, stop.at_ns) == ("lease", asked_ns + LEASE // 2)


def test_reads_of_an_old_beat_renew_nothing(clock: VirtualClock) -> None:
    gate = open_gate(clock, LEASE)
    for _ in range(5):
        clock.advance(0.5)
        gate.heard(clock.now_ns(), control(2))
        gate.heard(clock.now_ns(), control(1))
        assert gate.permit() is None
    clock.advance(0.5)
    assert gate.permit() == "lease"


def test_a_lapse_is_final_even_if_nobody_looked_while_it_lasted(clock: VirtualClock) -> None:
    gate = open_gate(clock, LEASE)
    clock.advance(4)
    gate.heard(clock.now_ns(), control(9))
    assert gate.permit() == "lease"


def test_another_epoch_is_a_new_beat(clock: VirtualClock) -> None:
    gate = open_gate(clock, LEASE)
    clock.advance(2)
    gate.heard(clock.now_ns(), control(1, epoch=1))
    clock.advance(2)
    assert gate.permit() is None


def test_while_waiting_the_lease_holds_too(gate: Gate, clock: VirtualClock) -> None:
    clock.advance(3)
    stop = gate.stop()
    assert stop is not None and stop.reason == "lease"
    assert "could not be read for 3 s" in (stop.detail or "")


def test_suspension_over_a_second_is_final_and_reported(clock: VirtualClock) -> None:
    gate = open_gate(clock)
    clock.suspend(1.0)
    assert gate.permit() is None
    slept_from_ns = clock.now_ns() - SECOND
    clock.suspend(59)
    assert gate.permit() == "lease"
    stop = gate.stop()
    assert stop is not None
    assert (stop.reason, stop.detail) == ("lease", "suspended for 60.0 s")
    assert stop.at_ns == slept_from_ns


def test_sleep_before_its_start_is_no_suspension(clock: VirtualClock) -> None:
    clock.suspend(1000)
    assert open_gate(clock).permit() is None


def test_a_stop_of_this_side_is_final_and_the_first_stop_stays(clock: VirtualClock) -> None:
    gate = open_gate(clock)
    gate.halt("abort", "user", "the worker got SIGTERM")
    gate.halt("failed", "lease", "later")
    gate.heard(clock.now_ns(), control(3, "abort", reason="breaker"))
    stop = gate.stop()
    assert stop is not None
    assert (gate.permit(), stop.reason, stop.detail) == ("user", "abort", "the worker got SIGTERM")
