"""Clocks. One monotonic clock stamps everything and feeds the gate; wall time only anchors workers to each other.

CLOCK_BOOTTIME counts while the machine is suspended (a laptop lid, a hypervisor's pause); CLOCK_MONOTONIC and Python's
time.monotonic do not, and a lease judged by them would wake up thinking nothing happened. macOS has no BOOTTIME, but
its CLOCK_MONOTONIC_RAW counts sleep.
"""

from __future__ import annotations

import sys
import time
from typing import Protocol

if sys.platform == "darwin":
    _BOOT = time.CLOCK_MONOTONIC_RAW
    _AWAKE = time.CLOCK_UPTIME_RAW
else:
    _BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    _AWAKE = time.CLOCK_MONOTONIC


class Clock(Protocol):
    def now_ns(self) -> int:
        """Monotonic ns, counting suspension: the one clock of stamps, leases and schedules."""
        ...

    def awake_ns(self) -> int:
        """Monotonic ns that stands still while suspended; its lag behind `now_ns` is the time slept."""
        ...

    def wall_ns(self) -> int:
        """Unix ns as this machine believes it."""
        ...


class SystemClock:
    """`wall_offset_ns` is added to wall time: tests inject a wrong clock through it."""

    def __init__(self, wall_offset_ns: int = 0) -> None:
        self._wall_offset_ns = wall_offset_ns

    def now_ns(self) -> int:
        return time.clock_gettime_ns(_BOOT)

    def awake_ns(self) -> int:
        return time.clock_gettime_ns(_AWAKE)

    def wall_ns(self) -> int:
        return time.time_ns() + self._wall_offset_ns
