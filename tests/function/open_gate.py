"""Gates for tests of what comes after them."""

from __future__ import annotations

from function.clock import Clock
from function.contract.control import Control, Go
from function.gate import Gate

HOUR_NS = 3600 * 1_000_000_000
SHARD, GROUP = "0-0-0", "0-0"


def control(beat: int, state: str = "go", epoch: int = 0, reason: str | None = None) -> Control:
    return Control(state, epoch, beat, (GROUP,), 6.0, "test", reason)  # type: ignore[arg-type]


def go(attempts: dict[str, int] | None = None) -> Go:
    return Go(0, 0, 0, 0, {SHARD: 0} if attempts is None else attempts, "test")


def open_gate(clock: Clock, lease_ns: int = HOUR_NS) -> Gate:
    """Granted, and the beat has moved."""
    gate = Gate(SHARD, 0, lease_ns, clock)
    gate.heard(clock.now_ns(), control(1))
    gate.heard(clock.now_ns(), control(2))
    gate.named(go())
    assert gate.permit() is None
    return gate
