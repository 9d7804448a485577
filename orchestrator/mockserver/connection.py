"""One TCP connection: bytes in to requests, one answer at a time out, in order.

HTTP/1.1 with keep-alive and pipelining (later requests wait for their turn), chunked and plain bodies, `Expect:
100-continue`; HTTP/1.0 gets plain bodies that end with the connection. What a request means is the desk's business.
"""

from __future__ import annotations

import asyncio
from collections import deque
from http import HTTPStatus
from typing import Any, Protocol, cast

import httptools

from orchestrator.mockserver.clock import boot_ns
from orchestrator.mockserver.request import Request

MAX_BODY_BYTES = 64 << 20
MAX_HEAD_BYTES = 64 << 10
MAX_PIPELINED = 16
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_REASONS = {status.value: status.phrase for status in HTTPStatus}


class Answering(Protocol):
    """Whoever is answering the request in hand."""

    def client_gone(self) -> None: ...

    def shut(self) -> None:
        """The server stops; nothing more is written."""


class Front(Protocol):
    """What a connection hands its requests to."""

    def opened(self, connection: Connection) -> int:
        """Gives the connection its number."""

    def closed(self, connection: Connection) -> None: ...

    def head_complete(self, connection: Connection, request: Request) -> None: ...

    def paused(self, connection: Connection) -> bool:
        """True when nothing may be taken up now; `connection.advance` is called when it may again."""

    def take(self, connection: Connection, request: Request) -> None:
        """Answer this request; `connection.finished` is due in the end."""

    def refuse(self, connection: Connection, request: Request, status: int, message: str) -> None: ...

    def abandoned(self, request: Request) -> None:
        """The client left and nobody had taken up this request."""


class Connection(asyncio.Protocol):
    def __init__(self, front: Front) -> None:
        self._front = front
        self._parser: Any = httptools.HttpRequestParser(self)
        self._request: Request | None = None
        self._waiting: deque[Request] = deque()
        self._busy = self._deaf = self._advancing = self._held = self._continue_due = False
        self._read_paused = False
        self._answered_boot = 0
        self.transport: asyncio.Transport = None  # type: ignore[assignment]  # set before anything else is called
        self.answering: Answering | None = None
        self.number = -1

    # ---- what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast: uvloop's transports do not derive from asyncio's.
        self.transport = cast(asyncio.Transport, transport)
        # A limit of 0 makes `write` hand bytes to the kernel at once, so that a stamp before it is the write's time.
        self.transport.set_write_buffer_limits(high=0)
        self.number = self._front.opened(self)

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # The request itself is complete and is answered as if no other protocol had been offered.
            self._deaf = True
        except httptools.HttpParserCallbackError:
            raise  # a fault of ours, not of the bytes
        except httptools.HttpParserError as error:
            self._refuse(400, f"not a readable HTTP request: {error}")
        self.advance()

    def connection_lost(self, exc: Exception | None) -> None:
        self._deaf = True
        answering, self.answering = self.answering, None
        if answering is not None:
            answering.client_gone()
        for request in self._leave_waiting():
            self._front.abandoned(request)
        self._front.closed(self)
        # Connection and parser hold each other; untied they go at once, without waiting for a collection.
        self._parser = None

    # ---- what the parser calls; a request that was refused half way is no longer `_request`

    def on_message_begin(self) -> None:
        if not self._deaf:
            self._request = Request(self.number)

    def on_url(self, url: bytes) -> None:
        if self._request is not None:
            self._request.add_url(url)
            self._check_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._request is not None:
            self._request.add_header(name, value)
            self._check_head()

    def on_headers_complete(self) -> None:
        request = self._request
        if request is None:
            return
        request.method = self._parser.get_method().decode("latin-1")
        request.http_1_0 = self._parser.get_http_version() == "1.0"
        request.keep_alive = self._parser.should_keep_alive()
        self._continue_due = request.headers.get(b"expect", b"").lower() == b"100-continue"
        self._front.head_complete(self, request)

    def on_body(self, body: bytes) -> None:
        if self._request is None:
            return
        self._request.add_body(body)
        if self._request.body_bytes > MAX_BODY_BYTES:
            self._refuse(413, f"the body is longer than {MAX_BODY_BYTES} bytes")

    def on_message_complete(self) -> None:
        request, self._request = self._request, None
        if request is None:
            return
        self._continue_due = False
        request.arrived()
        self._waiting.append(request)
        self._steer_reading()

    # ---- what the desk calls

    def hold(self) -> None:
        """Reads nothing more, and takes up nothing that was read, until `release`."""
        self._held = True
        self._steer_reading()

    def release(self) -> None:
        self._held = False
        self._steer_reading()
        self.advance()

    def advance(self) -> None:
        """Takes up what waits, as far as it may be taken up now."""
        if self._advancing:
            return
        self._advancing = True
        while self._waiting and not (self._busy or self._held or self.transport.is_closing()):
            if self._front.paused(self):
                break
            self._busy = True
            request = self._waiting.popleft()
            # A pipelined request is not begun before the answer ahead of it is out.
            request.ready_boot = max(request.ready_boot, self._answered_boot)
            self._front.take(self, request)
            self._steer_reading()
        self._advancing = False
        if self._continue_due and not (self._busy or self._held or self.transport.is_closing()):
            self._continue_due = False
            self.transport.write(_CONTINUE)

    def reply(self, request: Request, status: int, body: bytes, kind: bytes, more: bytes = b"") -> None:
        """Writes a whole answer. `more` is further header lines, each with its CRLF."""
        head = head_of(request, status, kind, b"content-length: %d\r\n" % len(body) + more)
        self.transport.write(head if request.method == "HEAD" else head + body)

    def finished(self, request: Request) -> None:
        """The request in hand is answered: on to the next, or goodbye."""
        self.answering = None
        self._busy = False
        self._answered_boot = boot_ns()
        if not request.keep_alive or (self._deaf and not self._waiting):
            self.drop()
        else:
            self.advance()

    def drop(self) -> None:
        """Closes after what was written; a body that was begun is left without its end."""
        self._deaf = True
        self.answering = None
        self.transport.close()

    def shut(self) -> list[Request]:
        """Ends at once, for the server stops; returns the requests nobody had taken up."""
        self._deaf = True
        answering, self.answering = self.answering, None
        if answering is not None:
            answering.shut()
        left = self._leave_waiting()
        self.transport.abort()
        return left

    # ---- inside

    def _leave_waiting(self) -> list[Request]:
        left = [*self._waiting, *([self._request] if self._request is not None else [])]
        self._waiting.clear()
        self._request = None
        return left

    def _check_head(self) -> None:
        if self._request is not None and self._request.head_bytes > MAX_HEAD_BYTES:
            self._refuse(431, f"the head is longer than {MAX_HEAD_BYTES} bytes")

    def _refuse(self, status: int, message: str) -> None:
        if self._deaf:
            return
        self.advance()
        request = self._request or Request(self.number)
        self._request = None
        self._deaf = True
        request.keep_alive = False
        if self._busy or self._waiting:
            # A refusal in the midst of another answer would garble it: that answer is the connection's last.
            self._front.abandoned(request)
        else:
            self._busy = True
            self._front.refuse(self, request, status, message)

    def _steer_reading(self) -> None:
        pause = self._held or len(self._waiting) >= MAX_PIPELINED
        if pause == self._read_paused or self.transport.is_closing():
            return
        self._read_paused = pause
        if pause:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()


def head_of(request: Request, status: int, kind: bytes, more: bytes) -> bytes:
    """An answer's head, echoing the request's id as vLLM can. Records the status on the request."""
    request.status = status
    echo = request.headers.get(b"x-request-id")
    named = b"" if echo is None else b"x-request-id: %b\r\n" % echo
    close = b"" if request.keep_alive else b"connection: close\r\n"
    line = f"HTTP/1.1 {status} {_REASONS.get(status, '')}\r\n".encode()
    return line + b"server: benchctl-mock\r\ncontent-type: %b\r\n" % kind + named + close + more + b"\r\n"
