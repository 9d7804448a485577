"""The server's two clocks, and time as the simulated engine sees it.

Schedules and durations use CLOCK_BOOTTIME where there is one (it counts suspension and is never stepped); wall time
only labels a request's arrival. A whole-server pause is a stretch in which engine time stands still: everything due in
or after it moves by its length.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial

from orchestrator.mockserver.config import Pause

if sys.platform == "linux":
    CLOCK_ID = time.CLOCK_BOOTTIME
    boot_ns: Callable[[], int] = partial(time.clock_gettime_ns, CLOCK_ID)
else:
    boot_ns = time.monotonic_ns

wall_ns: Callable[[], int] = time.time_ns


def ns(seconds: float) -> int:
    return round(seconds * 1e9)


class Pauses:
    """Maps boot time to engine time and back; both in ns. Counts from `base_ns`, before which nothing is paused."""

    __slots__ = ("_at", "_base", "_every", "_for")

    def __init__(self, pause: Pause, base_ns: int) -> None:
        self._for = ns(pause.for_s)
        self._at = ns(pause.at_s if pause.at_s is not None else (pause.every_s or 0.0))
        self._every = None if pause.every_s is None else ns(pause.every_s)
        self._base = base_ns

    def engine(self, boot: int) -> int:
        """Engine time at a boot time: boot time less everything paused until then."""
        t = boot - self._base
        return boot - self._paused(t)

    def boot(self, engine: int) -> int:
        """The first boot time at which work due at this engine time may be done: never inside a pause."""
        since = engine - self._base - self._at
        if since < 0:
            return engine
        begun = 1 if self._every is None else 1 + since // (self._every - self._for)
        return engine + begun * self._for

    def held(self, boot: int) -> bool:
        """True inside a pause [start, end)."""
        since = boot - self._base - self._at
        if since < 0:
            return False
        return (since if self._every is None else since % self._every) < self._for

    def _paused(self, t: int) -> int:
        since = t - self._at
        if since < 0:
            return 0
        if self._every is None:
            return min(since, self._for)
        return since // self._every * self._for + min(since % self._every, self._for)
