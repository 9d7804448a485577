"""One epoll of our own inside the loop's: a wake-up hands over every connection that can be read.

A loop's add_reader costs a handle and a context switch a read, and uvloop's forgets a socket whose last bytes come
together with a reset. Nested, the loop watches one descriptor for ever and a batch of reads is a plain Python loop.

Where an alarm is heeded, what is due is sent between reads: a batch makes nothing late. And after a batch that told
nobody anything, the next may gather for PAUSE_S: a wake-up costs more than the read it is for, the stamps are the
kernel's, and nobody waits for such reads.
"""

from __future__ import annotations

import asyncio
import select
import time
from collections.abc import Callable

from function.alarm import Alarm
from function.clock import Clock

BATCH = 64  # reads before the loop has its turn: due sends wait no longer than these take, about half a millisecond
STRETCH = 8  # reads between two looks at the alarm
PAUSE_S = 0.0003
_LEAST_S = 0.00005  # a sleep takes about so long anyway


class Readiness:
    """`begin` is called before each batch. Linux: raises AttributeError where there is no epoll."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock, begin: Callable[[], None]) -> None:
        self.alarm: Alarm | None = None  # to be heeded
        self._loop = loop
        self._clock = clock
        self._begin = begin
        self._ready: dict[int, Callable[[int], bool]] = {}
        self._epoll = select.epoll()
        self._loop.add_reader(self._epoll.fileno(), self._on_readable)

    def add(self, fd: int, ready: Callable[[int], bool]) -> None:
        """Calls `ready` with the events of epoll whenever it can be read, or has ended. What it returns: whether
        nobody waits for what it read."""
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
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()

    def _on_readable(self) -> None:
        readable = self._epoll.poll(0, BATCH)
        self._begin()
        connections, alarm = self._ready, self.alarm
        calm = alarm is not None
        for at in range(0, len(readable), STRETCH):
            if alarm is not None and alarm.due_ns <= self._clock.now_ns():
                alarm.ring()
            for fd, events in readable[at : at + STRETCH]:
                ready = connections.get(fd)
                # None: closed by what an earlier one of this batch said
                if ready is not None and not ready(events):
                    calm = False
        if calm and alarm is not None and len(readable) < BATCH:
            self._pause(alarm)

    def _pause(self, alarm: Alarm) -> None:
        wait_s = min(PAUSE_S, (alarm.due_ns - self._clock.now_ns()) / 1e9)
        if wait_s > _LEAST_S:
            time.sleep(wait_s)
