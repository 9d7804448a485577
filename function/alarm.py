"""Wakes the loop at an instant of the worker's clock, to the nanosecond where the kernel can.

Loop timers are too coarse for a schedule: uvloop's are whole milliseconds and may fire early, asyncio's wait in
epoll, whose timeouts are whole milliseconds too. A timerfd watched by the loop is neither. It is armed relative to the
clock at hand, so it works with any of them. An alarm may ring early or late; who is rung looks at the clock.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import struct
import sys
import time
from collections.abc import Callable
from typing import Protocol

from function.clock import Clock

_NONBLOCK_CLOEXEC = os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)
_NEVER_NS = 1 << 62
_SPEC = struct.Struct("@llll")  # struct itimerspec: interval s, ns, value s, ns


class Alarm(Protocol):
    @property
    def due_ns(self) -> int:
        """What it is set for; far away once it has rung."""
        ...

    def ring(self) -> None:
        """Now, as if it had come to that: for whoever looks at the clock more often than the loop does."""
        ...

    def set(self, due_ns: int) -> None:
        """Ring once at `due_ns`, at once if that has passed. Replaces what was set before."""
        ...

    def close(self) -> None: ...


class AlarmFactory(Protocol):
    def __call__(self, clock: Clock, ring: Callable[[], None]) -> Alarm:
        """For the running loop; `ring` must not raise."""
        ...


class TimerFd:
    """Linux. Raises OSError or AttributeError where the kernel or the C library has none."""

    def __init__(self, clock: Clock, ring: Callable[[], None]) -> None:
        self.due_ns = _NEVER_NS
        self._clock = clock
        self._ring = ring
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._libc.timerfd_create(time.CLOCK_MONOTONIC, _NONBLOCK_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._spec = ctypes.create_string_buffer(_SPEC.size)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._fd, self._on_readable)

    def ring(self) -> None:
        self.due_ns = _NEVER_NS
        self._ring()

    def set(self, due_ns: int) -> None:
        self.due_ns = due_ns
        wait_ns = max(1, due_ns - self._clock.now_ns())  # 0 would disarm it
        _SPEC.pack_into(self._spec, 0, 0, 0, wait_ns // 1_000_000_000, wait_ns % 1_000_000_000)
        self._libc.timerfd_settime(self._fd, 0, self._spec, None)

    def close(self) -> None:
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1
            self.due_ns = _NEVER_NS

    def _on_readable(self) -> None:
        try:
            os.read(self._fd, 8)
        except BlockingIOError:
            return  # set anew between the wake-up and this call
        self.ring()


class CallAt:
    """The loop's own timer: everywhere else, and under a simulated clock."""

    def __init__(self, clock: Clock, ring: Callable[[], None]) -> None:
        self.due_ns = _NEVER_NS
        self._clock = clock
        self._ring = ring
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def ring(self) -> None:
        self.due_ns = _NEVER_NS
        self._ring()

    def set(self, due_ns: int) -> None:
        self.close()
        self.due_ns = due_ns
        self._timer = self._loop.call_later(max(0, due_ns - self._clock.now_ns()) / 1e9, self.ring)

    def close(self) -> None:
        self.due_ns = _NEVER_NS
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def open_alarm(clock: Clock, ring: Callable[[], None]) -> Alarm:
    """The finest alarm this machine has."""
    if sys.platform == "linux":
        try:
            return TimerFd(clock, ring)
        except (OSError, AttributeError):  # a kernel or a C library without
            return CallAt(clock, ring)
    return CallAt(clock, ring)
