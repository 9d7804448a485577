"""Closed loop: a number of users, each of whom sends the next request when the last one has ended.

A user is free when the answer is done with; that instant is the next request's `scheduled`, so what the worker itself
takes to get the request out counts as its schedule delay. All users start at once at the slice's start. By count they
end with the rows, by time at the slice's end. A user in a session sends its next turn, and nothing else until it ends.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace
from typing import Literal

from function.flight import Flight
from function.rim import Rim
from function.sessions import Sessions
from function.timeline import Timeline
from function.window import Prepared, Window

_FAR_NS = 1 << 62
_TURN = 64  # requests started before the loop gets to read answers again


class ClosedLoop:
    """`run` returns when no user will send again. Cancelling it stops the sending; there is nothing to account for."""

    def __init__(
        self,
        users: int,
        timeline: Timeline,
        window: Window | Sessions,
        flight: Flight,
        rim: Rim,
    ) -> None:
        self._users = users
        self._start_ns = timeline.start_ns
        self._end_ns = _FAR_NS if timeline.end_ns is None else timeline.end_ns
        self._send_until_ns = _FAR_NS if timeline.send_until_ns is None else timeline.send_until_ns
        self._window = window
        self._flight = flight
        self._rim = rim
        self._advance = rim.fuse.guard(self._send_free)
        self._sessions = window if isinstance(window, Sessions) else None
        self._free: deque[int] = deque()  # since when, of each user who is free
        self._turns: deque[tuple[int, Prepared]] = deque()  # and of each who goes on with a session
        self.out_of_time = False

    async def run(self) -> None:
        self._ended = asyncio.Event()
        self._alarm = self._rim.open_alarm(self._rim.clock, self._advance)
        self._flight.landed = self._landed
        self._window.filled = self._advance
        self._free.extend([self._start_ns] * self._users)
        try:
            self._advance()
            await self._ended.wait()
        finally:
            self._alarm.close()
            self._window.close()
            self._flight.landed = self._window.filled = lambda: None

    async def leave(self, status: Literal["missed", "aborted"], kind: str, until_ns: int | None = None) -> None:
        """No request was ever due that was not sent."""

    def _now_ns(self) -> int:
        return self._rim.clock.now_ns() - self._flight.origin_ns

    def _landed(self) -> None:
        now_ns = self._now_ns()
        turn = None if self._sessions is None else self._sessions.next_turn()
        if turn is None:
            self._free.append(now_ns)
        else:
            self._turns.append((now_ns, turn))
        self._advance()

    def _take(self) -> tuple[int, Prepared] | None:
        """What is to be sent next, and since when its user is free."""
        if self._turns:
            return self._turns.popleft()
        if not self._free or self._window.head() is None:
            return None  # else than at the end, `filled` is called
        return self._free.popleft(), self._window.pop()

    def _send_free(self) -> None:
        """A request for each free user; the alarm is for the start, and for the ends nobody's answer may announce."""
        now_ns = self._now_ns()
        if self._ended.is_set() or self._flight.grounded:
            return None
        if now_ns < self._start_ns:
            return self._alarm.set(self._flight.origin_ns + self._start_ns)
        if now_ns >= min(self._end_ns, self._send_until_ns):
            self.out_of_time = self._send_until_ns < self._end_ns
            return self._ended.set()
        for _ in range(_TURN):
            taken = self._take()
            if taken is None:
                break
            free_ns, (arrival, body) = taken
            self._flight.start(replace(arrival, scheduled_ns=free_ns, eligible_ns=free_ns), body)
        else:
            if self._free or self._turns:
                return self._alarm.set(self._rim.clock.now_ns())
        if self._window.exhausted:
            return self._ended.set()
        until_ns = min(self._end_ns, self._send_until_ns)
        return self._alarm.set(self._flight.origin_ns + until_ns) if until_ns < _FAR_NS else None
