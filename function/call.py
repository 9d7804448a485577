"""One request on its way: the sink that a transport tells, the limits that are running, and what has been seen so far.

All of it is written down as it happens, so that a request cut off at any instant keeps the times it had. It judges
nothing: whoever waits for it reads its fields afterwards.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from function.answer import Ending, Reader
from function.clock import Clock
from function.contract.spec import Timeouts
from function.deadline import Deadline, Limit
from function.dialects.port import Dialect
from function.rounds import Rounds
from function.stream import StreamFold
from function.transport.port import Channel, Failure, Transport, TransportError
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
    keeps_content: bool = False


class Call:
    """Sink of one exchange. Make it at the instant of sending: `sent_ns` is when it was made.

    `ended` is called once, when the caller is free to go on; never within `start`.
    """

    def __init__(self, asked: Asked, clock: Clock, rounds: Rounds, ended: Callable[[], None]) -> None:
        self._asked = asked
        self._clock = clock
        self._rounds = rounds
        self._ended: Callable[[], None] | None = ended
        self._loop = asyncio.get_running_loop()
        self._deadline = Deadline(clock, self._loop, self._limits, self._on_limit)
        self._starting = False
        self._abandoned = False
        self._opening: asyncio.Task[Channel] | None = None
        self._channel: Channel | None = None
        self._lead = b""
        self._declared = False
        self._answering = False  # the stream's first event has come
        self._head_ns: int | None = None
        self._settled_ns: int | None = None
        self._complete_ns: int | None = None
        self.reader: Reader | None = None
        self.status: int | None = None
        self.location: str | None = None
        self.failure: Failure | None = None
        self.refusal: str | None = None  # the kind of one that came while a connection was awaited
        self.expired: str | None = None  # the kind of the limit that ran out
        self.ending: Ending = "open"
        self.written = False  # the request was handed to the transport
        self.received = 0
        self.first_byte_ns: int | None = None
        self.end_ns: int | None = None
        self.connect_ns: int | None = None
        self.reused: bool | None = None
        self.sent_ns = clock.now_ns()

    def start(self, transport: Transport, request: bytes, permit: Callable[[], str | None]) -> None:
        """Within this call the request is handed to a connection that is at hand. Else one is opened, and `permit`
        asked again before it is used. Raises nothing."""
        self._starting = True
        channel = transport.at_hand()
        if channel is not None:
            self._send(channel, request)
        else:
            self._opening = self._loop.create_task(transport.acquire())
            self._opening.add_done_callback(partial(self._opened, request, permit))
        self._deadline.watch()
        self._starting = False

    @property
    def over(self) -> bool:
        """An outcome stands: nothing that happens from now on belongs to it."""
        self.catch_up()
        return self._ended is None or self._settled_ns is not None

    def give_up(self) -> None:
        """It is to end now: what was seen stays."""
        self._abandon()
        self._set_free()

    @property
    def untold(self) -> int:
        return self._channel.untold if self._channel is not None else 0

    def catch_up(self) -> None:
        """Has itself told what was read and not told yet."""
        if self._channel is not None:
            self._channel.catch_up()

    def _opened(self, request: bytes, permit: Callable[[], str | None], opening: asyncio.Task[Channel]) -> None:
        self._opening = None
        if self._abandoned:
            if not opening.cancelled() and opening.exception() is None:
                opening.result().close()
            return
        try:
            channel = opening.result()
            self.refusal = None if channel.reused else permit()
        except TransportError as error:
            self._lose(error.failure)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - a fault of ours is a failed row too
            self._lose(_ours(error))
        else:
            if self.refusal is None:
                self._send(channel, request)
            else:
                channel.close()
                self.give_up()

    def _send(self, channel: Channel, request: bytes) -> None:
        self.reused, self.connect_ns = channel.reused, channel.connect_ns
        self._channel = channel
        self.written = True
        try:
            channel.send(request, self)
        except Exception as error:  # noqa: BLE001 - a fault of ours is a failed row too: one must not end a shard
            self._lose(_ours(error))

    def _lose(self, failure: Failure) -> None:
        self.failure, self.ending = failure, "lost"
        self.give_up()

    def _abandon(self) -> None:
        """Drops the connection and the limits."""
        self._abandoned = True
        self._deadline.cancel()
        self._rounds.leave(self)
        if self.end_ns is None:
            self.end_ns = self._clock.now_ns()
        if self._opening is not None:
            self._opening.cancel()
        if self._channel is not None:
            self._channel.close()

    def head(self, stamp_ns: int, status: int, headers: Mapping[str, str]) -> None:
        self.status, self._head_ns = status, stamp_ns
        self._declared = "event-stream" in headers.get("content-type", "").lower()
        coding = headers.get("content-encoding", "identity").strip().lower()
        if not 200 <= status < 300:
            self.location = headers.get("location")
            self.reader = ErrorBody()
            self._settle(stamp_ns)
        elif coding not in ("", "identity"):
            self.fail(stamp_ns, Failure("protocol", f"the answer is compressed ({coding}), though identity was asked"))
            self._abandon()
        elif self._asked.timeouts.idle_s is not None:
            self._deadline.watch()

    def feed(self, stamp_ns: int, data: bytes) -> Call | None:
        if self.first_byte_ns is None:
            self.first_byte_ns = stamp_ns
        self.received += len(data)
        reader = self.reader
        if reader is None:
            data = self._lead + data
            reader = self.reader = self._choose(data)
            self._lead = data if reader is None else b""
            if reader is None:
                return None
        reader.feed(stamp_ns, data)
        if reader.settled:
            self._settle(stamp_ns)
            return None
        if not self._answering and reader.last_data_ns is not None:
            self._answering = True
            self._rounds.join(self)
            self._deadline.watch()
        return self if reader.patient else None

    def feed_all(self, stamps: Sequence[int], reads: Sequence[bytes]) -> Call | None:
        reader = self.reader
        assert reader is not None
        self.received += sum(map(len, reads))
        reader.feed_all(stamps, reads)
        if reader.settled:
            self._settle(stamps[-1])
        return self if reader.patient else None

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
            asked = self._asked
            return StreamFold(asked.dialect, asked.choices, asked.wants_usage, asked.keeps_content)
        return WholeBody(self._asked.dialect)

    def _settle(self, stamp_ns: int) -> None:
        """The verdict stands: from here on only the grace, and after [DONE] the short wait for the body's end, runs."""
        reader = self.reader
        complete = reader is not None and reader.complete
        if self._settled_ns is None:
            self._settled_ns = (reader.settled_ns if reader is not None else None) or stamp_ns
        elif not complete or self._complete_ns is not None:
            return
        if complete:
            self._complete_ns = stamp_ns
        self._deadline.watch()

    def _conclude(self, stamp_ns: int) -> None:
        self._deadline.cancel()
        self._rounds.leave(self)
        if self.end_ns is None:
            self.end_ns = self._complete_ns or stamp_ns
        self._set_free()

    def _set_free(self) -> None:
        ended, self._ended = self._ended, None
        if ended is None:
            return
        if self._starting:
            self._loop.call_soon(ended)
        else:
            ended()

    def _limits(self) -> list[Limit]:
        self.catch_up()
        if self._settled_ns is not None:
            limits = [Limit(self._settled_ns + GRACE_NS, "grace")]
            if self._complete_ns is not None and self._ended is not None:
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
        if last_data_ns is None and waits and times.first_token_s is None:
            last_data_ns = (
                self._head_ns
            )  # a stream that only keeps itself alive is idle, unless a limit of its own waits
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
        self.give_up()


def _ours(error: BaseException) -> Failure:
    return Failure("protocol", f"{type(error).__name__}: {error}")


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)
