"""Open loop: every arrival is sent at its own instant, whatever the answers do.

The schedule is absolute: an alarm is set for the next due instant, and whatever is due is sent, so a late wake-up
delays what it delays and nothing drifts. An arrival is never dropped in silence and never caught up in a burst: past
its lateness limit it becomes a row that says `missed`. A concurrency cap makes arrivals wait in order; they wait where
they are, undecoded, so a backlog costs no memory. Lateness counts from the instant the cap freed a place.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Literal

from function.arrival import Arrival
from function.contract.spec import ShardSpec
from function.flight import Flight
from function.rim import Rim
from function.timeline import Timeline
from function.window import Window

_FAR_NS = 1 << 62
_TURN = 64  # arrivals handled before the loop gets to read answers again


@dataclass(frozen=True, slots=True)
class Limits:
    """ns since the run's t0, except `lateness_ns` (a duration) and `cap` (requests in flight; None: no cap)."""

    cap: int | None
    lateness_ns: int
    seam_ns: int  # from then on an arrival that finds the cap full has no owner any more
    send_until_ns: int


def limits(spec: ShardSpec, timeline: Timeline) -> Limits:
    """What waits for the cap at the slice's end gets `backlog_s`, then nothing."""
    return Limits(
        cap=spec.cap,
        lateness_ns=int(spec.max_lateness_s * 1e9),
        seam_ns=_FAR_NS if timeline.end_ns is None else timeline.end_ns + int(spec.backlog_s * 1e9),
        send_until_ns=_FAR_NS if timeline.send_until_ns is None else timeline.send_until_ns,
    )


class OpenLoop:
    """`run` returns when nothing is left to send. Cancelling it stops the sending; `leave` accounts for the rest."""

    def __init__(
        self,
        limits: Limits,
        window: Window,
        flight: Flight,
        rim: Rim,
    ) -> None:
        self._limits = limits
        self._window = window
        self._flight = flight
        self._rim = rim
        self._advance = rim.fuse.guard(self._send_due)
        self._freed_ns = -_FAR_NS  # when a place in a full flight was last freed
        self._full = False
        self.out_of_time = False

    async def run(self) -> None:
        self._ended = asyncio.Event()
        self._alarm = self._rim.open_alarm(self._rim.clock, self._advance)
        self._flight.heed(self._alarm)
        self._flight.landed = self._landed
        self._window.filled = self._advance
        try:
            self._advance()
            await self._ended.wait()
        finally:
            self._alarm.close()
            self._window.close()
            self._flight.landed = self._window.filled = lambda: None

    async def leave(self, status: Literal["missed", "aborted"], kind: str, until_ns: int | None = None) -> None:
        """Rows for all that is left, or for what was due by `until_ns` and not sent."""
        while not self._window.exhausted:
            arrival = self._window.take()
            if arrival is None:
                await asyncio.sleep(0.001)  # the decoding thread is behind
                continue
            if until_ns is not None and arrival.scheduled_ns > until_ns:
                return
            self._flight.unsent(arrival, status, kind)
            if arrival.row % _TURN == 0:
                await asyncio.sleep(0)

    def _now_ns(self) -> int:
        return self._rim.clock.now_ns() - self._flight.origin_ns

    def _landed(self) -> None:
        if self._full:  # else the alarm is set for what is next, and a landing changes nothing
            self._full = False
            self._freed_ns = self._now_ns()
            self._advance()

    def _send_due(self) -> None:
        """What is due, then set the alarm for what is next."""
        if self._ended.is_set() or self._flight.grounded:
            return None
        for _ in range(_TURN):
            now_ns = self._now_ns()
            if now_ns >= self._limits.send_until_ns:
                self.out_of_time = True
                return self._ended.set()
            head = self._window.head()
            if head is None:
                return self._ended.set() if self._window.exhausted else None  # else `filled` is called
            wake_ns = self._handle(head.arrival, head.body, now_ns)
            if wake_ns is not None:
                return self._alarm.set(self._flight.origin_ns + min(wake_ns, self._limits.send_until_ns))
        return self._alarm.set(self._rim.clock.now_ns())

    def _handle(self, arrival: Arrival, body: bytes, now_ns: int) -> int | None:
        """Send or miss the head of the window; or the instant to look at it again."""
        if arrival.scheduled_ns > now_ns:
            return arrival.scheduled_ns
        if self._limits.cap is not None and self._flight.count >= self._limits.cap:
            self._full = True
            if now_ns < self._limits.seam_ns:
                return self._limits.seam_ns  # or sooner: `landed`
            self._miss(arrival, "cap_at_seam")
            return None
        eligible_ns = max(arrival.scheduled_ns, self._freed_ns)
        if eligible_ns != arrival.eligible_ns:
            arrival = replace(arrival, eligible_ns=eligible_ns)
        if now_ns - eligible_ns > self._limits.lateness_ns:
            self._miss(arrival, "late")
            return None
        self._window.pop()
        self._flight.start(arrival, body)
        self._full = self._limits.cap is not None and self._flight.count >= self._limits.cap
        return None

    def _miss(self, arrival: Arrival, kind: str) -> None:
        self._window.pop()
        self._flight.unsent(arrival, "missed", kind)
