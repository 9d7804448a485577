"""The transport port: one HTTP/1.1 exchange at a time on a connection, told as it happens, stamped where it is read.

A transport opens and keeps connections, writes the bytes it is given, and tells a sink what comes back, synchronously
in the call in which the read was made: a stamp is the instant of the read, never of a task that woke later. It follows
no redirects, repeats nothing, keeps no cookies and decompresses nothing. It decides nothing: failures are values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from function.alarm import Alarm

# Servers close idle connections after 5 s (uvicorn, llama.cpp), 60 s (load balancers) or 75 s (nginx). One that is
# written to as it closes is a lost request, so none is used that has been idle for as long as the most impatient allow.
KEEP_ALIVE_S = 4.0
LINE_LIMIT = 1 << 16  # bytes of a status line or of one header
READ_BYTES = 1 << 14  # asyncio's 256 KiB per read cost three times the CPU


class Failure(NamedTuple):
    """`kind` is one of contract.record.FAILED_KINDS or `connect_timeout`."""

    kind: str
    message: str


class TransportError(Exception):
    """A connection could not be had."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.kind}: {failure.message}")
        self.failure = failure


class WarmUp(NamedTuple):
    """What opening a connection took, of the first one. None: that step was not needed (an address, no TLS)."""

    connections: int
    dns_ns: int | None = None
    connect_ns: int | None = None
    tls_ns: int | None = None
    failure: Failure | None = None


class Stamping(NamedTuple):
    """How reads were stamped so far. `kernel`: by the kernel as they arrived, so a busy loop has delayed none of them.
    `clock_steps`: how often the wall clock was set meanwhile, and the instant of the read stood in."""

    kernel: bool = False
    clock_steps: int = 0


class Sink(Protocol):
    """Told of one exchange: head, then any number of feeds, then end or fail, exactly once. Must not raise."""

    def head(self, stamp_ns: int, status: int, headers: Mapping[str, str]) -> None:
        """The final status line and headers (1xx are not told); ask for names in lower case."""
        ...

    def feed(self, stamp_ns: int, data: bytes) -> PatientSink | None:
        """Body bytes of one read, without transfer coding. The next read's stamp is later by at least a nanosecond for
        every four of them. What it returns may be told later what comes next; None: at once."""
        ...

    def end(self, stamp_ns: int) -> None:
        """The body is whole."""
        ...

    def fail(self, stamp_ns: int, failure: Failure) -> None:
        """The connection is gone, or what came on it was no HTTP."""
        ...


class PatientSink(Protocol):
    """May be told several reads together, though only of such as end with an empty line and hold no [DONE]: whatever
    else comes, and the end, is told at once, after what waited. A transport need not make use of it.
    """

    def feed_all(self, stamps: Sequence[int], reads: Sequence[bytes]) -> PatientSink | None:
        """As so many calls of `feed`."""
        ...


class TellsAtOnce:
    """The part of a channel that keeps nothing from its sink."""

    untold = 0

    def catch_up(self) -> None:
        return


class Channel(Protocol):
    """A connection held for one exchange. After the sink's end it goes back to the transport by itself."""

    @property
    def reused(self) -> bool:
        """It has served before; then nothing was awaited to get it."""
        ...

    @property
    def connect_ns(self) -> int | None:
        """What opening it took: name, connection, TLS. None where it is reused."""
        ...

    def send(self, request: bytes, sink: Sink) -> None:
        """Hands all bytes over in this call. At most once."""
        ...

    @property
    def untold(self) -> int:
        """How many reads its sink was not told yet."""
        ...

    def catch_up(self) -> None:
        """Tells them."""
        ...

    def close(self) -> None:
        """Gives the connection up; the sink is told nothing more. Harmless at any time."""
        ...


class Transport(Protocol):
    @property
    def absolute_form(self) -> str:
        """What stands before the path in a request line: "" or, behind an HTTP proxy, scheme and authority."""
        ...

    @property
    def proxy_headers(self) -> Mapping[str, str]:
        """Headers the proxy wants on every request."""
        ...

    @property
    def stamping(self) -> Stamping: ...

    def heed(self, alarm: Alarm) -> None:
        """From now on, ring it when it is due, however much there is to read."""
        ...

    def at_hand(self) -> Channel | None:
        """An idle connection; None where there is none, or where it takes the loop to find out."""
        ...

    async def acquire(self) -> Channel:
        """A connection. Raises TransportError."""
        ...

    async def warm(self, connections: int) -> WarmUp:
        """Opens connections and keeps them; sends nothing on them. Never raises TransportError."""
        ...

    async def close(self) -> None:
        """Closes every connection; sinks that still wait are told that theirs is lost."""
        ...


class LoopDriven:
    """The part of a transport whose reads and connections are the loop's business."""

    def heed(self, alarm: Alarm) -> None:
        """The alarm's turn comes between any two reads."""

    def at_hand(self) -> None:
        """It is asked with a coroutine, whatever it holds."""
