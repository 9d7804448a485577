"""One timer for everything the server does at a time: a heap of due times behind one nanosecond alarm.

uvloop's own timers are whole milliseconds and can fire early, so on Linux the alarm is a timerfd; elsewhere it is
`call_at`. Due times are engine times (see `clock`): nothing is done inside a whole-server pause. Whatever is due is
served in one wake-up, in batches, so that reading never starves.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import struct
import sys
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Protocol

from orchestrator.mockserver.clock import Pauses, boot_ns

BATCH = 64


class Due(Protocol):
    """Something with a next time. `fire` does what was due and returns the next due time, or 0 when there is none."""

    def fire(self, due: int) -> int: ...


class Once:
    """A plain call at a time."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call

    def fire(self, due: int) -> int:
        self._call()
        return 0


class Alarm(Protocol):
    """Calls back at or after a boot time; a new `arm` replaces the old one."""

    def arm(self, boot: int) -> None: ...

    def disarm(self) -> None: ...

    def close(self) -> None: ...


class CallAtAlarm:
    """The event loop's own timer: a millisecond grid under uvloop, where it may ring early and is then set again."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop, self._ring = loop, ring
        self._handle: asyncio.TimerHandle | None = None

    def arm(self, boot: int) -> None:
        self.disarm()
        self._handle = self._loop.call_at(self._loop.time() + max(0, boot - boot_ns()) / 1e9, self._ring)

    def disarm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def close(self) -> None:
        self.disarm()


if sys.platform == "linux":
    from orchestrator.mockserver.clock import CLOCK_ID

    _ABSTIME, _FLAGS = 1, os.O_NONBLOCK | os.O_CLOEXEC
    # PyDLL keeps the GIL: these calls never block, and giving it up would invite the log's thread in.
    _LIBC = ctypes.PyDLL(None, use_errno=True)
    _LIBC.timerfd_settime.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
    _SPEC = struct.Struct("@llll")  # struct itimerspec: interval (s, ns), value (s, ns)

    class TimerFdAlarm:
        """A timerfd on CLOCK_BOOTTIME. Setting it anew clears a fired one, so it is never read."""

        def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
            self._fd = _LIBC.timerfd_create(CLOCK_ID, _FLAGS)
            if self._fd < 0:
                raise OSError(ctypes.get_errno(), "timerfd_create failed")
            self._loop = loop
            self._spec = ctypes.create_string_buffer(_SPEC.size)
            loop.add_reader(self._fd, ring)

        def arm(self, boot: int) -> None:
            # A value of zero would disarm; a time gone by fires at once.
            seconds, nanoseconds = divmod(max(1, boot), 1_000_000_000)
            _SPEC.pack_into(self._spec, 0, 0, 0, seconds, nanoseconds)
            _LIBC.timerfd_settime(self._fd, _ABSTIME, self._spec, None)

        def disarm(self) -> None:
            _SPEC.pack_into(self._spec, 0, 0, 0, 0, 0)
            _LIBC.timerfd_settime(self._fd, _ABSTIME, self._spec, None)

        def close(self) -> None:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)


def alarm_for(loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> Alarm:
    if sys.platform == "linux":
        return TimerFdAlarm(loop, ring)
    return CallAtAlarm(loop, ring)


class Timer:
    """The heap. All due times are engine times in ns; without pauses engine time is boot time."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        make_alarm: Callable[[asyncio.AbstractEventLoop, Callable[[], None]], Alarm] = alarm_for,
    ) -> None:
        self._alarm = make_alarm(loop, self._serve)
        self._heap: list[tuple[int, int, Due]] = []
        self._number = count()
        self._armed = 0
        self._serving = False
        self._pauses: Pauses | None = None

    def pause_by(self, pauses: Pauses) -> None:
        """From now on nothing is served inside these pauses."""
        self._pauses = pauses

    def engine(self, boot: int) -> int:
        return boot if self._pauses is None else self._pauses.engine(boot)

    def held(self) -> bool:
        """True while the whole server is paused."""
        return self._pauses is not None and self._pauses.held(boot_ns())

    def at(self, due: int, item: Due) -> None:
        """Calls item.fire(due) at that engine time, at the earliest."""
        heappush(self._heap, (due, next(self._number), item))
        if not self._serving:
            self._arm()

    def close(self) -> None:
        self._heap.clear()
        self._alarm.close()

    def _arm(self) -> None:
        if not self._heap:
            if self._armed:
                self._alarm.disarm()
                self._armed = 0
            return
        boot = self._heap[0][0]
        if self._pauses is not None:
            # Work that was late already when the pause began waits for its end too, without being asked again.
            boot = self._pauses.boot(max(boot, self._pauses.engine(boot_ns())))
        if boot != self._armed:
            self._alarm.arm(boot)
            self._armed = boot

    def _serve(self) -> None:
        self._serving = True
        self._armed = 0
        try:
            self._serve_batch()
        finally:
            self._serving = False
            if self._heap:
                self._arm()
            else:
                self._alarm.disarm()

    def _serve_batch(self) -> None:
        heap, pauses = self._heap, self._pauses
        now = boot_ns()
        for _ in range(BATCH):
            if not heap:
                return
            if heap[0][0] > now or pauses is not None:
                now = boot_ns()
                if pauses is not None:
                    if pauses.held(now):
                        return
                    now = pauses.engine(now)
                if heap[0][0] > now:
                    return
            due, number, item = heappop(heap)
            again = item.fire(due)
            if again:
                heappush(heap, (again, number, item))
