"""The one timer of a request: which limit runs out first, and when. A loop timer that is moved only to fire earlier.

An idle limit moves with every event; cancelling and setting a timer each time would cost more than reading the event.
So the timer stays where it is and, when it fires, looks where the limit has got to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from function.clock import Clock

SLACK_S = 0.0005  # uvloop's timers are whole milliseconds and may fire early; late by this much harms nothing


class Limit(NamedTuple):
    at_ns: int
    kind: str


class Deadline:
    """`limits` gives the limits in force when asked; `expired` is called once, with the one that ran out."""

    def __init__(
        self,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
        limits: Callable[[], list[Limit]],
        expired: Callable[[Limit], None],
    ) -> None:
        self._clock = clock
        self._loop = loop
        self._limits = limits
        self._expired = expired
        self._timer: asyncio.TimerHandle | None = None
        self._at_ns = 0

    def watch(self) -> None:
        """Call it when a limit may have come nearer; farther needs no call."""
        limits = self._limits()
        if not limits:
            return
        first = min(limits)
        if self._timer is not None:
            if self._at_ns <= first.at_ns:
                return
            self._timer.cancel()
        self._at_ns = first.at_ns
        delay_s = max(0, first.at_ns - self._clock.now_ns()) / 1e9 + SLACK_S
        self._timer = self._loop.call_later(delay_s, self._fire)

    def cancel(self) -> None:
        """For good. It also lets go of its owner: the two would keep each other alive until a garbage collection, and
        a worker has none while it measures (6 KB a request)."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._limits, self._expired = _no_limits, _ignore

    def _fire(self) -> None:
        self._timer = None
        limits = self._limits()
        if limits and min(limits).at_ns <= self._clock.now_ns():
            self._expired(min(limits))
        else:
            self.watch()


def _no_limits() -> list[Limit]:
    return []


def _ignore(limit: Limit) -> None: ...
