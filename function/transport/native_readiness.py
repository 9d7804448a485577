"""One epoll of our own inside the loop's: a wake-up hands over every connection that can be read.

A loop's add_reader costs a handle and a context switch a read, and uvloop's forgets a socket whose last bytes come
together with a reset. Nested, the loop watches one descriptor and a batch of reads is a plain Python loop.

A wake-up costs as much as the read that follows. So while they come thick and the kernel stamps what arrives, reads
pause for PAUSE_NS after each batch and are then made together: no time that is reported moves, but events of one
connection closer to each other than that may share a stamp, which is what a busy loop does to them anyway.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable

from function.alarm import open_alarm
from function.clock import Clock
from function.transport.native_stamps import KernelStamps

BATCH = 64  # reads before the loop has its turn: due sends wait no longer than these take, about half a millisecond
PAUSE_NS = 200_000
STREAK = 16  # so many wake-ups in a row, each within PAUSE_NS of the last, are thick; so many pauses for nothing, thin


class Readiness:
    """Build it inside the running loop. Linux: raises AttributeError where there is no epoll."""

    def __init__(self, clock: Clock, stamps: KernelStamps) -> None:
        self._loop = asyncio.get_running_loop()
        self._stamps = stamps
        self._ready: dict[int, Callable[[int], None]] = {}
        self._epoll = select.epoll()
        self._alarm = open_alarm(clock, self._after_pause)
        self._streak = 0
        self._latest_ns = 0
        self._loop.add_reader(self._epoll.fileno(), self._on_readable)

    def add(self, fd: int, ready: Callable[[int], None]) -> None:
        """Calls `ready` with the events of epoll whenever it can be read, or has ended."""
        self._epoll.register(fd, select.EPOLLIN)
        self._ready[fd] = ready

    def watch_writing(self, fd: int, wanted: bool) -> None:
        self._epoll.modify(fd, select.EPOLLIN | select.EPOLLOUT if wanted else select.EPOLLIN)

    def remove(self, fd: int) -> None:
        """Before it is closed."""
        del self._ready[fd]
        self._epoll.unregister(fd)

    def close(self) -> None:
        if not self._epoll.closed:
            self._alarm.close()
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()

    def _on_readable(self) -> None:
        self._hand_over()
        now_ns = self._stamps.sampled_ns
        self._streak = self._streak + 1 if now_ns - self._latest_ns < PAUSE_NS else 0
        self._latest_ns = now_ns
        if self._streak >= STREAK and self._stamps.stamping.kernel and not self._epoll.closed:
            self._streak = 0
            self._loop.remove_reader(self._epoll.fileno())
            self._alarm.set(now_ns + PAUSE_NS)

    def _after_pause(self) -> None:
        found = self._hand_over()
        if self._epoll.closed:
            return
        self._streak = 0 if found > 1 else self._streak + 1
        if self._streak >= STREAK:
            self._streak = 0
            self._loop.add_reader(self._epoll.fileno(), self._on_readable)
        else:
            self._alarm.set(self._stamps.sampled_ns + PAUSE_NS)

    def _hand_over(self) -> int:
        """How many could be read."""
        readable = self._epoll.poll(0, BATCH)
        self._stamps.sample()
        connections = self._ready
        for fd, events in readable:
            ready = connections.get(fd)
            if ready is not None:  # closed by what an earlier one of this batch said
                ready(events)
        return len(readable)
