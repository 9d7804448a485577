"""A transport without a network: plays given reads to the sink, each with its own stamp, in the call that sends.

For laws over how an answer is cut into reads: what a socket does is the business of the transports' own suite.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from function.alarm import Alarm
from function.transport.port import Failure, Sink, Stamping, TellsAtOnce, WarmUp


@dataclass(slots=True)
class PlayedChannel(TellsAtOnce):
    reads: Sequence[tuple[int, bytes]]
    end_ns: int
    ending: Literal["end", "lost", "open"]
    status: int
    headers: Mapping[str, str]
    requests: list[bytes]
    reused: bool = True
    connect_ns: int | None = None
    closed: bool = False

    def send(self, request: bytes, sink: Sink) -> None:
        self.requests.append(request)
        sink.head(self.reads[0][0] if self.reads else self.end_ns, self.status, self.headers)
        for stamp_ns, data in self.reads:
            if not self.closed:
                sink.feed(stamp_ns, data)
        if self.ending == "end":
            sink.end(self.end_ns)
        elif self.ending == "lost":
            sink.fail(self.end_ns, Failure("connection_lost", "played"))

    def close(self) -> None:
        self.closed = True


@dataclass(slots=True)
class PlayedTransport:
    """`reads`: (stamp, body bytes) in order. `requests` keeps what was sent."""

    reads: Sequence[tuple[int, bytes]]
    end_ns: int
    ending: Literal["end", "lost", "open"] = "end"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "text/event-stream"})
    requests: list[bytes] = field(default_factory=list)
    absolute_form: str = ""
    proxy_headers: Mapping[str, str] = field(default_factory=dict)
    stamping: Stamping = field(default_factory=Stamping)

    def heed(self, alarm: Alarm) -> None:
        return

    def at_hand(self) -> PlayedChannel | None:
        return PlayedChannel(self.reads, self.end_ns, self.ending, self.status, self.headers, self.requests)

    async def acquire(self) -> PlayedChannel:
        return PlayedChannel(self.reads, self.end_ns, self.ending, self.status, self.headers, self.requests)

    async def warm(self, connections: int) -> WarmUp:
        return WarmUp(connections)

    async def close(self) -> None:
        return
