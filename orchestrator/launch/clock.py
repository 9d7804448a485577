"""The orchestrator's two clocks: one that does not stand still while the machine sleeps, and the store's time.

Leases are judged by `boot_ns`. What workers are told in unix time is read from a `StoreClock`: anchored once to the
wall and moved by the boot clock, so a step of the wall clock in mid-run moves no boundary.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

from function.store.port import Stored

if sys.platform == "darwin":
    _BOOT = time.CLOCK_MONOTONIC_RAW
else:
    _BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boot_ns() -> int:
    """Monotonic ns that count suspension (CLOCK_MONOTONIC does not, on Linux)."""
    return time.clock_gettime_ns(_BOOT)


def asleep_ns() -> int:
    """Ns this machine has been suspended since it booted; only differences mean anything."""
    return boot_ns() - time.clock_gettime_ns(time.CLOCK_MONOTONIC)


@dataclass(frozen=True, slots=True)
class StoreClock:
    """Unix ns on the store's clock, give or take `error_ns`."""

    unix_at_boot_ns: int
    error_ns: int

    def now_ns(self) -> int:
        return boot_ns() + self.unix_at_boot_ns


def store_clock(stored: Stored, asked_ns: int, answered_ns: int) -> StoreClock:
    """From one write of our own, asked and answered at these boot times.

    The stamp bounds how far its clock is ahead of our wall: [stamp - answered, stamp + resolution - asked]. The
    value nearest to zero in there is believed (a machine with a time service beats the middle of a coarse stamp).
    """
    wall_ns = time.time_ns() - boot_ns()
    low = stored.stamp_ns - (answered_ns + wall_ns)
    high = stored.stamp_ns + stored.resolution_ns - (asked_ns + wall_ns)
    offset = min(max(0, low), max(low, high))
    return StoreClock(wall_ns + offset, max(offset - low, high - offset, 0))
