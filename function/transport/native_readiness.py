"""One epoll of our own inside the loop's: a wake-up hands over every connection that can be read.

A loop's add_reader costs a handle and a context switch a read, and uvloop's forgets a socket whose last bytes come
together with a reset. Nested, the loop watches one descriptor for ever and a batch of reads is a plain Python loop.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable

BATCH = 64  # reads before the loop has its turn: due sends wait no longer than these take, about half a millisecond


class Readiness:
    """`begin` is called before each batch. Linux: raises AttributeError where there is no epoll."""

    def __init__(self, loop: asyncio.AbstractEventLoop, begin: Callable[[], None]) -> None:
        self._loop = loop
        self._begin = begin
        self._ready: dict[int, Callable[[int], None]] = {}
        self._epoll = select.epoll()
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
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()

    def _on_readable(self) -> None:
        readable = self._epoll.poll(0, BATCH)
        self._begin()
        connections = self._ready
        for fd, events in readable:
            ready = connections.get(fd)
            if ready is not None:  # closed by what an earlier one of this batch said
                ready(events)
