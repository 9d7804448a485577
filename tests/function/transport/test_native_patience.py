"""What a patient sink is told later is what an impatient one is told at once: the same bytes with the same stamps."""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from function.clock import SystemClock
from function.transport import native_connection
from function.transport.keeping import Keeping
from function.transport.native_connection import Connection, Home
from function.transport.native_stamps import KernelStamps
from function.transport.port import Failure

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CLOSE = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
END = b"0\r\n\r\n"


def chunk(body: bytes, size: str = "x") -> bytes:
    return format(len(body), size).encode() + b"\r\n" + body + b"\r\n"


class Reads:
    """A socket whose reads are given, each with its stamp unless that is None."""

    def __init__(self, reads: Sequence[tuple[bytes, int | None]]) -> None:
        self.left = list(reads)
        self.closed = False

    def fileno(self) -> int:
        return 0

    def recvmsg(self, size: int, ancillary: int) -> tuple[bytes, Any, int, Any]:
        if not self.left:
            raise BlockingIOError
        data, wall_ns = self.left.pop(0)
        stamp = [] if wall_ns is None else [(1, 35, struct.pack("@qq", *divmod(wall_ns, 10**9)))]
        return data, stamp, 0, None

    def send(self, data: bytes) -> int:
        return len(data)

    def close(self) -> None:
        self.closed = True


class Watching:
    def add(self, fd: int, ready: Any) -> None: ...

    def remove(self, fd: int) -> None: ...


class Impatient:
    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def head(self, stamp_ns: int, status: int, headers: Mapping[str, str]) -> None:
        self.told.append(("head", stamp_ns, status))

    def feed(self, stamp_ns: int, data: bytes) -> Any:
        self.told.append((stamp_ns, data))

    def end(self, stamp_ns: int) -> None:
        self.told.append(("end", stamp_ns))

    def fail(self, stamp_ns: int, failure: Failure) -> None:
        self.told.append(("fail", stamp_ns, failure))


class Patient(Impatient):
    together = 0

    def feed(self, stamp_ns: int, data: bytes) -> Any:
        super().feed(stamp_ns, data)
        return self

    def feed_all(self, stamps: Sequence[int], reads: Sequence[bytes]) -> Any:
        assert len(stamps) == len(reads)
        self.together = max(self.together, len(reads))
        self.told += zip(stamps, reads)
        return self


CLOCK = SystemClock()
STAMPS = KernelStamps(CLOCK)


def opened(reads: Sequence[tuple[bytes, int | None]]) -> tuple[Connection, Reads]:
    played = Reads(reads)
    home = Home(
        Watching(),  # type: ignore[arg-type]
        STAMPS,
        CLOCK,
        Keeping(lambda *_: None),
        lambda connection: None,
        lambda connection: None,
    )
    made: socket.socket = played  # type: ignore[assignment]
    connection = Connection(made, None, home)
    return connection, played


def heard(sink: Any, reads: Sequence[bytes], gaps: Sequence[int]) -> Any:
    """Read to its end, a second after all of it came: the first read after the request, the others after those gaps."""
    connection, _ = opened([])
    connection.send(b"", sink)
    connection.stamp_ns -= 10**9
    STAMPS.sample()
    base_ns = connection.stamp_ns - STAMPS._offset_ns
    at_ns = [base_ns + 100 + sum(gaps[:number]) for number in range(len(reads))]
    played = connection._socket.left  # type: ignore[attr-defined]
    played += zip(reads, at_ns)
    while played:
        connection.read()
    connection.break_off(Failure("connection_lost", "over"))
    start_ns = base_ns + STAMPS._offset_ns
    return [
        tuple(one - start_ns if isinstance(one, int) and one > 10**6 else one for one in told) for told in sink.told
    ]


EVENTS = st.binary(max_size=30).map(lambda some: b"data: " + some + b"\n\n")
CHUNKS = st.one_of(
    EVENTS.map(chunk),
    EVENTS.map(lambda event: chunk(event, "X")),
    EVENTS.map(lambda event: chunk(event, "04x")),
    EVENTS.map(lambda event: chunk(event * 3)),
    st.sampled_from([chunk(b": a\n\n"), chunk(b"data: [DONE]\n\n"), chunk(b"a"), chunk(b"9\r\n" * 40 + b"\n\n")]),
    st.sampled_from([END, b"zz\r\n", b"\n\n\r\n", b"5;ext=\n\n\r\n", chunk(b"data: " + b"x" * 3000 + b"\n\n")]),
)


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from([HEAD, CLOSE]),
    st.lists(CHUNKS, max_size=60),
    st.lists(st.integers(0, 4000), max_size=12),
    st.lists(st.integers(0, 900), min_size=90, max_size=90),
    st.booleans(),
)
def test_however_an_answer_is_cut_patience_changes_nothing(
    head: bytes, chunks: list[bytes], cuts: list[int], gaps: list[int], whole: bool
) -> None:
    reads = [head, *chunks, END] if whole else [head, *chunks]
    data = b"".join(reads)
    if cuts:
        at = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
        reads = [data[start:end] for start, end in pairwise(at)]
    assert heard(Patient(), reads, gaps) == heard(Impatient(), reads, gaps)


EVENT = b'data: {"choices":[]}\n\n'


def test_they_are_told_together_and_at_the_end_at_once() -> None:
    sink, count = Patient(), 3 * native_connection.KEPT_READS
    told = heard(sink, [HEAD + chunk(EVENT), *[chunk(EVENT)] * count, END], [1_000] * (count + 2))
    assert sink.together == native_connection.KEPT_READS
    assert len(told) == count + 3 and told[-1][0] == "end"


@pytest.mark.parametrize(
    ("last", "waits"),
    [
        (chunk(EVENT), True),
        (chunk(EVENT + b"data: [DONE]\n\n"), False),
        (chunk(b"data: [DONE]\n\n"), False),
        (chunk(EVENT) + END, False),
        (END, False),
        (b"5\r\n", False),
        (chunk(b"data: half"), False),
        (b"", False),
    ],
)
def test_only_whole_events_in_the_middle_wait(last: bytes, waits: bool) -> None:
    sink = Patient()
    connection, played = opened([])
    connection.send(b"", sink)
    played.left += [(one, STAMPS._wall()) for one in (HEAD + chunk(EVENT), chunk(EVENT), last)]
    for calm in (False, True, waits):
        assert connection.read() is calm
    assert connection.untold == (2 if waits else 0)
    connection.catch_up()
    assert connection.untold == 0


def test_without_the_kernels_stamp_nothing_waits() -> None:
    connection, played = opened([])
    connection.send(b"", Patient())
    played.left += [(HEAD + chunk(EVENT), None), (chunk(EVENT), None)]
    assert not connection.read() and not connection.read()
    assert connection.untold == 0


def test_a_long_read_does_not_wait() -> None:
    connection, played = opened([])
    connection.send(b"", Patient())
    played.left += [(HEAD + chunk(EVENT), STAMPS._wall()), (chunk(EVENT * 200), STAMPS._wall())]
    connection.read()
    connection.read()
    assert connection.untold == 0


def test_who_gives_up_is_told_nothing_more() -> None:
    sink = Patient()
    connection, played = opened([])
    connection.send(b"", sink)
    played.left += [(HEAD + chunk(EVENT), STAMPS._wall()), (chunk(EVENT), STAMPS._wall())]
    connection.read()
    connection.read()
    connection.drop()
    connection.catch_up()
    assert len(sink.told) == 2 and played.closed
