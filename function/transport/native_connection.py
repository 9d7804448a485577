"""One connection of the native transport: requests go out in the call that hands them over, answers are told in the
call that read them, with the kernel's stamp of their arrival.

It knows whether it can serve again (the answer whole, kept alive, nothing after it, the request all sent) and tells its
home when it is free or gone. It decides nothing about when to send, and never repeats a request.
"""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from function.clock import Clock
from function.error_text import shorten
from function.transport.keeping import Keeping
from function.transport.native_answer import SHORT, AnswerParser
from function.transport.native_readiness import Readiness
from function.transport.native_stamps import ANCILLARY_BYTES, Ancillary, KernelStamps
from function.transport.native_tls import TlsLayer
from function.transport.port import READ_BYTES, Failure, PatientSink, Sink

_WRITABLE = getattr(select, "EPOLLOUT", 0)
_AGAIN = (BlockingIOError, InterruptedError)
Read = tuple[bytes, Ancillary, int, Any]  # as recvmsg gives it
KEPT_READS = 32  # told together at the latest: memory is bounded, and so is what telling them takes at once
_DONE = b"[DONE]"
_EVENT_ENDS = b"\n\n\r\n"  # the last bytes of a chunk that ends with an event; an answer's last bytes are others


@dataclass(frozen=True, slots=True)
class Home:
    """What the connections of one transport share. `freed`: it can serve again; `gone`: it was closed."""

    readiness: Readiness
    stamps: KernelStamps
    clock: Clock
    keeping: Keeping
    freed: Callable[[Connection], None]
    gone: Callable[[Connection], None]


class Connection:
    """Open from the start. `holder` is who may use it: a channel, or None while it waits in the pool."""

    def __init__(self, opened: socket.socket, tls: TlsLayer | None, home: Home) -> None:
        self.holder: object | None = None
        self.closed = False
        self.stamp_ns = home.clock.now_ns()  # of what happened last
        self._socket = opened
        self._fd = opened.fileno()
        self._recvmsg = opened.recvmsg
        self._tls = tls
        self._home = home
        self._stamp_of = home.stamps.of
        self._answer = AnswerParser()
        self._sink: Sink | None = None
        self._patient: PatientSink | None = None
        self._kept: list[Read] = []  # that it was not told yet
        self._answered_ns: int | None = None  # of the last exchange
        self._unsent: memoryview | None = None
        self._write_error: OSError | None = None
        self._span_ns = 0  # how much later than this read the next one must be
        home.readiness.add(self._fd, self.read)

    def send(self, request: bytes, sink: Sink) -> None:
        self._sink = sink
        self.stamp_ns, self._span_ns = self._home.clock.now_ns(), 0
        if self.closed:
            self._conclude(Failure("connection_lost", "the connection broke before the request was written"))
            return
        self._answer.begin()
        try:
            data = self._tls.encrypt(request) if self._tls is not None else request
        except ssl.SSLError as error:
            self._lose(error)
        else:
            self._write(data)

    def read(self, events: int = 0) -> bool:
        """One read, and all that follows from it. `events` are epoll's. Whether nobody waits for what it brought."""
        if events & _WRITABLE and self._unsent is not None:
            self._write(self._unsent)
            if events == _WRITABLE or self.closed:
                return False
        try:
            got = self._recvmsg(READ_BYTES, ANCILLARY_BYTES)
        except _AGAIN:
            if self._write_error is not None:
                self._lose(self._write_error)
            return False
        except OSError as error:
            self._end(error)
            return False
        data = got[0]
        if self._tls is not None:
            return self._take_sealed(self._tls, got) if data else self._end(None)
        if self._patient is not None and data[-4:] == _EVENT_ENDS and got[1] and _DONE not in data:
            kept = self._kept
            kept.append(got)
            if len(kept) >= KEPT_READS or len(data) >= SHORT:
                self.catch_up()
            return True
        return self._take(got) if data else self._end(None)

    @property
    def untold(self) -> int:
        return len(self._kept)

    def catch_up(self) -> None:
        """Tells the reads that were kept."""
        kept, self._kept, patient = self._kept, [], self._patient
        if not kept or patient is None:
            return
        reads = [got[0] for got in kept]
        stamps = self._home.stamps.of_all([got[1] for got in kept])
        floor_ns = self.stamp_ns + self._span_ns  # see _stamp
        for number, data in enumerate(reads):
            if stamps[number] < floor_ns:
                stamps[number] = floor_ns
            self._span_ns = (len(data) >> 2) + 1
            floor_ns = stamps[number] + self._span_ns
        bodies = self._answer.feed_all(reads)
        told = len(bodies)
        self.stamp_ns = stamps[told - 1]
        if all(bodies):
            self._patient = patient.feed_all(stamps[:told], bodies)
        elif some := [(stamp_ns, body) for stamp_ns, body in zip(stamps, bodies) if body]:
            self._patient = patient.feed_all([stamp_ns for stamp_ns, _ in some], [body for _, body in some])
        if self._sink is not None:
            self._end_of_answer()
        for stamp_ns, data in zip(stamps[told:], reads[told:]):
            if not self.closed:
                self.stamp_ns = stamp_ns
                self._tell(data)

    def _take(self, got: Read) -> bool:
        if self._kept:
            self.catch_up()
        self._stamp(self._stamp_of(got[1]), len(got[0]))
        if not self.closed:
            self._tell(got[0])
        return False

    def _stamp(self, stamp_ns: int, size: int) -> None:
        # Two reads may have one stamp of the kernel's. A sink counts events of a read in nanoseconds: the next read is
        # later than any of them, which are at least four bytes each.
        floor_ns = self.stamp_ns + self._span_ns
        self.stamp_ns = stamp_ns if stamp_ns > floor_ns else floor_ns
        self._span_ns = (size >> 2) + 1

    def drop(self) -> None:
        """No more is told; the connection goes."""
        self._sink = self._patient = None
        self._close()

    def is_open(self) -> bool:
        if not self.closed:
            self.read()  # what the kernel knows and the loop has not been told yet: its end, or stray bytes
        return not self.closed

    def reuse(self) -> None:
        if not self.closed:
            self._home.freed(self)

    def hang_up(self) -> None:
        self._close()

    def break_off(self, failure: Failure) -> None:
        """The connection goes, and who waits for it is told why."""
        self.catch_up()
        if self._sink is not None:
            self._conclude(failure)
        else:
            self._close()

    def _end(self, error: OSError | None) -> bool:
        """The socket has nothing more to give."""
        self.catch_up()
        self.stamp_ns = max(self._home.clock.now_ns(), self.stamp_ns + self._span_ns)
        self._lose(error)
        return False

    def _take_sealed(self, tls: TlsLayer, got: Read) -> bool:
        try:
            plain = tls.decrypt(got[0])
        except ssl.SSLError as error:
            self.catch_up()
            self._stamp(self._stamp_of(got[1]), len(got[0]))
            self._lose(error)
            return False
        if reply := tls.answers():
            self._write(reply if self._unsent is None else bytes(self._unsent) + reply)
        kept = False
        if plain and not self.closed:
            kept = self._patient is not None and plain[-4:] == _EVENT_ENDS and bool(got[1]) and _DONE not in plain
            if kept:
                self._kept.append((plain, *got[1:]))
                if len(self._kept) >= KEPT_READS or len(plain) >= SHORT:
                    self.catch_up()
            else:
                self._take((plain, *got[1:]))
        if tls.ended:
            self.catch_up()
            if not plain:
                self._stamp(self._stamp_of(got[1]), len(got[0]))
            if not self.closed:
                self._lose(None)
        return kept

    def _tell(self, data: bytes) -> None:
        sink = self._sink
        if sink is None:
            self._close()  # bytes that nobody asked for: whatever follows is not an answer either
            return
        answer = self._answer
        if answer.status is None:
            body = answer.feed(data)
            if answer.status is not None:
                sink.head(self.stamp_ns, answer.status, answer.headers)
                if self._sink is None:
                    return
        else:
            body = answer.feed(data)
        if body:
            patient = sink.feed(self.stamp_ns, body)
            if self._sink is None:
                return
            self._patient = patient
        self._end_of_answer()

    def _end_of_answer(self) -> None:
        """If it has come."""
        answer = self._answer
        if answer.whole:
            self._conclude(None)
        elif answer.fault is not None:
            self._conclude(Failure("protocol", f"the answer is not HTTP/1.1: {shorten(answer.fault)}"))

    def _write(self, data: bytes | memoryview) -> None:
        try:
            sent = self._socket.send(data)
        except _AGAIN:
            sent = 0
        except OSError as error:
            self._watch_writing(None)
            self._write_error = error
            self._home.stamps.sample()
            self.read()  # the server may have answered before it ended
            return
        self._watch_writing(memoryview(data)[sent:] if sent < len(data) else None)

    def _watch_writing(self, unsent: memoryview | None) -> None:
        if (unsent is None) != (self._unsent is None):
            self._home.readiness.watch_writing(self._fd, unsent is not None)
        self._unsent = unsent

    def _lose(self, error: OSError | None) -> None:
        """The connection has ended; with it the answer, where that is how its end is told."""
        answer = self._answer
        if self._answered_ns is not None and (self._sink is None or answer.status is None):
            self._home.keeping.hung_up((self.stamp_ns - self._answered_ns) / 1e9)
        if self._sink is None:
            self._close()
        elif answer.ends_with_connection and error is None:
            self._conclude(None)
        else:
            where = "before it answered" if answer.status is None else "in the middle of the answer"
            why = f": {shorten(str(error))}" if error is not None else ""
            self._conclude(Failure("connection_lost", f"the server's connection ended {where}{why}"))

    def _conclude(self, failure: Failure | None) -> None:
        sink, self._sink, self._patient, answer = self._sink, None, None, self._answer
        # A connection that still writes its request has an answer that came too early to be trusted with another.
        kept = failure is None and answer.keeps_alive and not answer.stray
        if kept and self._unsent is None and self._write_error is None and not (self._tls and self._tls.ended):
            self.holder = None
            self._answered_ns = self.stamp_ns
            self._home.keeping.answered(self)
        else:
            self._close()
        if sink is not None and failure is None:
            sink.end(self.stamp_ns)
        elif sink is not None and failure is not None:
            sink.fail(self.stamp_ns, failure)

    def _close(self) -> None:
        if self.closed:
            return
        self.closed, self.holder, self._unsent = True, None, None
        self._home.readiness.remove(self._fd)
        self._socket.close()
        self._answer.close()
        self._home.gone(self)
