"""One request on its way: the sink that a transport tells, the limits that are running, and what has been seen so far.

All of it is written down as it happens, so that a request cut off at any instant keeps the times it had. It judges
nothing: whoever waits for it reads its fields afterwards.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from function.answer import Ending, Reader
from function.clock import Clock
from function.contract.spec import Timeouts
from function.deadline import Deadline, Limit
from function.dialects.port import Dialect
from function.stream import StreamFold
from function.transport.port import Channel, Failure, Transport
from function.whole import ErrorBody, WholeBody

GRACE_NS = 1_000_000_000  # after its end, an answer is read on for so long: usage may follow, and the body's end
# [DONE] and the end of the body are two writes of most servers. Waiting this little for the second keeps the
# connection, and keeps a closed loop from asking again before the server has let go of the first request.
LINGER_NS = 10_000_000
_BEFORE_TEXT = b"\xef\xbb\xbf \t\r\n"
_EVENT_FIELDS = (b":", b"d", b"e", b"i", b"r")  # comment, data, event, id, retry
_DOCUMENTS = (b"{", b"[", b"<")  # JSON, HTML


@dataclass(frozen=True, slots=True)
class Asked:
    """What the answers to a target's requests should be like."""

    dialect: Dialect
    streaming: bool
    choices: int
    wants_usage: bool
    timeouts: Timeouts


class Call:
    """Sink of one exchange. Make it at the instant of sending: `sent_ns` is when it was made."""

    def __init__(self, asked: Asked, clock: Clock) -> None:
        loop = asyncio.get_running_loop()
        self._asked = asked
        self._clock = clock
        self._deadline = Deadline(clock, loop, self._limits, self._on_limit)
        self._free: asyncio.Future[None] = loop.create_future()
        self._task: asyncio.Task[None] | None = None  # while a connection is awaited: who to wake when a limit runs out
        self._channel: Channel | None = None
        self._lead = b""
        self._declared = False
        self._idle_watched = asked.timeouts.idle_s is None
        self._settled_ns: int | None = None
        self._complete_ns: int | None = None
        self.reader: Reader | None = None
        self.status: int | None = None
        self.location: str | None = None
        self.failure: Failure | None = None
        self.expired: str | None = None  # the kind of the limit that ran out
        self.ending: Ending = "open"
        self.written = False  # the request was handed to the transport
        self.received = 0
        self.first_byte_ns: int | None = None
        self.end_ns: int | None = None
        self.connect_ns: int | None = None
        self.reused: bool | None = None
        self.sent_ns = clock.now_ns()

    async def run(self, transport: Transport, request: bytes, permit: Callable[[], str | None]) -> str | None:
        """Returns when the caller is free to go on, or with the kind of a refusal that came while a connection was
        awaited. Raises TransportError, and CancelledError, also where a limit ran out before there was a connection.
        """
        self._task = asyncio.current_task()
        self._deadline.watch()
        channel = await transport.acquire()
        self._task = None
        self.reused, self.connect_ns = channel.reused, channel.connect_ns
        if not channel.reused:
            refusal = permit()
            if refusal is not None:
                channel.close()
                return refusal
        self._channel = channel
        self.written = True
        channel.send(request, self)
        await self._free
        return None

    @property
    def over(self) -> bool:
        """An outcome stands: nothing that happens from now on belongs to it."""
        if self._settled_ns is not None:
            return True
        return self._free.done() and not self._free.cancelled()  # cancelling a task cancels what it waits for

    def abandon(self) -> None:
        """Drops the connection and the limits; what was seen stays."""
        self._deadline.cancel()
        if self.end_ns is None:
            self.end_ns = self._clock.now_ns()
        if self._channel is not None:
            self._channel.close()

    def head(self, stamp_ns: int, status: int, headers: Mapping[str, str]) -> None:
        self.status = status
        self._declared = "event-stream" in headers.get("content-type", "").lower()
        coding = headers.get("content-encoding", "identity").strip().lower()
        if not 200 <= status < 300:
            self.location = headers.get("location")
            self.reader = ErrorBody()
            self._settle(stamp_ns)
        elif coding not in ("", "identity"):
            self.fail(stamp_ns, Failure("protocol", f"the answer is compressed ({coding}), though identity was asked"))
            self.abandon()

    def feed(self, stamp_ns: int, data: bytes) -> None:
        if self.first_byte_ns is None:
            self.first_byte_ns = stamp_ns
        self.received += len(data)
        reader = self.reader
        if reader is None:
            data = self._lead + data
            reader = self.reader = self._choose(data)
            self._lead = data if reader is None else b""
            if reader is None:
                return
        reader.feed(stamp_ns, data)
        if reader.settled:
            self._settle(stamp_ns)
        elif not self._idle_watched and reader.last_data_ns is not None:
            self._idle_watched = True
            self._deadline.watch()

    def end(self, stamp_ns: int) -> None:
        if self.reader is not None:
            self.reader.end(stamp_ns)
        self.ending = "end"
        self._conclude(stamp_ns)

    def fail(self, stamp_ns: int, failure: Failure) -> None:
        self.failure, self.ending = failure, "lost"
        self._conclude(stamp_ns)

    def _choose(self, lead: bytes) -> Reader | None:
        """By the first byte that says something: servers and gateways label event streams as anything."""
        first = lead.lstrip(_BEFORE_TEXT)[:1]
        if not first:
            return None
        if first in _EVENT_FIELDS or (self._declared and first not in _DOCUMENTS):
            return StreamFold(self._asked.dialect, self._asked.choices, self._asked.wants_usage)
        return WholeBody(self._asked.dialect)

    def _settle(self, stamp_ns: int) -> None:
        """The verdict stands: from here on only the grace, and after [DONE] the short wait for the body's end, runs."""
        complete = self.reader is not None and self.reader.complete
        if self._settled_ns is None:
            self._settled_ns = stamp_ns
        elif not complete or self._complete_ns is not None:
            return
        if complete:
            self._complete_ns = stamp_ns
        self._deadline.watch()

    def _conclude(self, stamp_ns: int) -> None:
        self._deadline.cancel()
        if self.end_ns is None:
            self.end_ns = self._complete_ns or stamp_ns
        self._set_free()

    def _set_free(self) -> None:
        if not self._free.done():
            self._free.set_result(None)

    def _limits(self) -> list[Limit]:
        if self._settled_ns is not None:
            limits = [Limit(self._settled_ns + GRACE_NS, "grace")]
            if self._complete_ns is not None and not self._free.done():
                limits.append(Limit(self._complete_ns + LINGER_NS, "linger"))
            return limits
        times = self._asked.timeouts
        reader, last_data_ns = self.reader, self.reader.last_data_ns if self.reader else None
        waits = self._asked.streaming and (reader is None or reader.waits_for_token)
        limits = []
        if times.total_s is not None:
            limits.append(Limit(self.sent_ns + _ns(times.total_s), "total_timeout"))
        if times.connect_s is not None and not self.written:
            limits.append(Limit(self.sent_ns + _ns(times.connect_s), "connect_timeout"))
        if times.first_token_s is not None and waits:
            limits.append(Limit(self.sent_ns + _ns(times.first_token_s), "first_token_timeout"))
        if times.idle_s is not None and last_data_ns is not None:
            limits.append(Limit(last_data_ns + _ns(times.idle_s), "idle_timeout"))
        return limits

    def _on_limit(self, limit: Limit) -> None:
        if limit.kind == "linger":
            self.end_ns = self._complete_ns
            self._set_free()
            self._deadline.watch()
            return
        if limit.kind != "grace":
            self.expired = limit.kind
        elif self.end_ns is None:
            self.end_ns = self._complete_ns or self._settled_ns
        self.abandon()
        self._set_free()
        if self._task is not None:
            self._task.cancel()


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)
