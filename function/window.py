"""The next requests with their bodies built, so that the instant a request is due costs no more than gate and write.

Bounded in number and bytes, whatever the prompts are. Bodies are built one by one between other work of the loop, never
many in a row: building is what must not make others late.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, Protocol

from function.arrival import Arrival
from function.fuse import Fuse

MOST = 64
MOST_BYTES = 16 * 1024 * 1024
_STARVED_S = 0.001  # how soon to ask again when the decoding thread is behind


class Source(Protocol):
    @property
    def exhausted(self) -> bool: ...

    def next(self) -> Arrival | None: ...


class Prepared(NamedTuple):
    arrival: Arrival
    body: bytes


class Window:
    """First in, first out. `filled` is called when a body was added to an empty window that somebody looked at."""

    def __init__(self, source: Source, prepare: Callable[[Arrival], bytes], fuse: Fuse) -> None:
        self.filled: Callable[[], None] = lambda: None
        self._source = source
        self._prepare = prepare
        self._refill = fuse.guard(self._refill_one)
        self._queue: deque[Prepared] = deque()
        self._bytes = 0
        self._timer: asyncio.Handle | None = None
        self._looked = False
        self._closed = False

    @property
    def exhausted(self) -> bool:
        return not self._queue and self._source.exhausted

    def head(self) -> Prepared | None:
        """The next request; None at the end (`exhausted`) and while the source is behind (`filled` will be called)."""
        if not self._queue:
            self._add()
            self._looked = not self._queue
            self._refill_soon()
        return self._queue[0] if self._queue else None

    def pop(self) -> Prepared:
        prepared = self._queue.popleft()
        self._bytes -= len(prepared.body)
        self._refill_soon()
        return prepared

    def take(self) -> Arrival | None:
        """The next arrival once the window is closed; None as in `head`. Builds no body."""
        return self._queue.popleft().arrival if self._queue else self._source.next()

    def close(self) -> None:
        """Nothing is to be sent any more: build no further bodies."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()

    def _refill_soon(self, wait_s: float = 0.0) -> None:
        if self._timer is None and not self._closed and not self._source.exhausted:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(wait_s, self._refill) if wait_s else loop.call_soon(self._refill)

    def _refill_one(self) -> None:
        self._timer = None
        if self._queue and (len(self._queue) >= MOST or self._bytes >= MOST_BYTES):
            return
        added = self._add()
        self._refill_soon(0.0 if added else _STARVED_S)
        if self._looked and (added or self._source.exhausted):
            self._looked = False
            self.filled()

    def _add(self) -> bool:
        arrival = self._source.next()
        if arrival is None:
            return False
        body = self._prepare(arrival)
        self._queue.append(Prepared(arrival, body))
        self._bytes += len(body)
        return True
