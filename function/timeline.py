"""Where the run's t0 lies on this worker's one clock, decided once when go is read. Everything after counts from it.

The store's clock is the only one workers share; after this mapping no step of any wall clock moves a request.
"""

from __future__ import annotations

from dataclasses import dataclass

from function.clock import Clock
from function.contract.control import Go
from function.contract.spec import ShardSpec

_READINGS = 3


@dataclass(frozen=True, slots=True)
class Timeline:
    """`origin_ns` is the run's t0 on the worker's clock; the others are ns since the run's t0."""

    origin_ns: int
    phase_ns: int  # the phase's own t0
    start_ns: int  # the slice's
    end_ns: int | None
    send_until_ns: int | None  # the invocation's limit

    def since_t0(self, clock_ns: int) -> int:
        return clock_ns - self.origin_ns


def lay_out(go: Go, spec: ShardSpec, clock: Clock, offset_ns: int, send_until_unix_ns: int | None = None) -> Timeline:
    """`offset_ns`: store clock minus this machine's wall clock. Unix times are the store's."""
    wall_ns, now_ns = _simultaneous(clock)
    phase_ns = go.t0_unix_ns - go.run_t0_unix_ns
    return Timeline(
        origin_ns=now_ns + go.run_t0_unix_ns - (wall_ns + offset_ns),
        phase_ns=phase_ns,
        start_ns=phase_ns + spec.slice_start_ns,
        end_ns=None if spec.slice_end_ns is None else phase_ns + spec.slice_end_ns,
        send_until_ns=None if send_until_unix_ns is None else send_until_unix_ns - go.run_t0_unix_ns,
    )


def _simultaneous(clock: Clock) -> tuple[int, int]:
    """Wall and worker clock at one instant: the closest of a few tries, since a process may lose the core between."""
    best = (1 << 62, 0, 0)
    for _ in range(_READINGS):
        before_ns, wall_ns, after_ns = clock.now_ns(), clock.wall_ns(), clock.now_ns()
        best = min(best, (after_ns - before_ns, wall_ns, (before_ns + after_ns) // 2))
    return best[1], best[2]
