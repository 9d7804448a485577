"""A raw-socket HTTP server that does exactly what a script says: which bytes, when, and how the connection ends.

For judging clients: nothing here knows HTTP beyond finding the end of a request, so every malformed, cut, stalled or
oddly segmented answer can be played. Loopback, one thread a connection, every wait bounded. A script is a sequence of
steps for one request; `answer` makes the usual ones. What was received and when each piece was written is kept.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

MAX_WAIT_S = 20.0
_BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@dataclass(frozen=True, slots=True)
class Send:
    data: bytes


@dataclass(frozen=True, slots=True)
class Wait:
    seconds: float


@dataclass(frozen=True, slots=True)
class End:
    """close: FIN in both directions; half: FIN, but still reading; reset: RST."""

    how: Literal["close", "half", "reset"] = "close"


Step = Send | Wait | End


@dataclass(slots=True)
class Request:
    """`writes` are (boot-clock ns just before the send, bytes) of each Send step of its answer."""

    connection: int
    head: bytes
    body: bytes
    writes: list[tuple[int, int]] = field(default_factory=list)

    @property
    def line(self) -> str:
        return self.head.split(b"\r\n", 1)[0].decode()

    @property
    def headers(self) -> list[tuple[str, str]]:
        """In the order they came, names as written."""
        lines = self.head.split(b"\r\n")[1:]
        return [(name.decode(), value.strip().decode()) for name, _, value in (line.partition(b":") for line in lines)]

    def header(self, name: str) -> str | None:
        return next((value for found, value in self.headers if found.lower() == name.lower()), None)


Script = Callable[[Request], Sequence[Step]]


class ScriptedServer:
    """`with ScriptedServer(script) as server`: `script` makes each request's steps; it listens at `server.url`."""

    def __init__(self, script: Script, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self._script = script
        self._tls = tls
        self._socket = socket.create_server(
            (host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=256
        )
        self._lock = threading.Lock()
        self._open: dict[int, socket.socket] = {}
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()
        self.port = self._socket.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{self.port}"
        self.requests: list[Request] = []
        self.accepted = 0

    def __enter__(self) -> ScriptedServer:
        self._spawn(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        with self._lock:
            for connection in self._open.values():
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(MAX_WAIT_S)

    @property
    def open_connections(self) -> int:
        return len(self._open)

    def wait_for(self, condition: Callable[[], bool], seconds: float = 5.0) -> bool:
        """Polls until it holds; False when it never did."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                return False
            time.sleep(0.002)
        return True

    def _spawn(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with self._lock:
                self.accepted += 1
                self._open[self.accepted] = connection
                self._spawn(self._serve, connection, self.accepted)

    def _serve(self, plain: socket.socket, number: int) -> None:
        connection = plain
        try:
            plain.settimeout(MAX_WAIT_S)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                connection = self._tls.wrap_socket(plain, server_side=True)
            rest = b""
            while not self._stopping.is_set():
                request, rest = _read_request(connection, rest, number)
                if request is None:
                    return
                self.requests.append(request)
                if not self._play(connection, request):
                    return
        except OSError:
            pass  # the client has gone, or the test is over
        finally:
            with self._lock:
                self._open.pop(number, None)
            connection.close()

    def _play(self, connection: socket.socket, request: Request) -> bool:
        """Whether the connection goes on."""
        for step in self._script(request):
            if isinstance(step, Wait):
                if self._stopping.wait(min(step.seconds, MAX_WAIT_S)):
                    return False
            elif isinstance(step, Send):
                request.writes.append((time.clock_gettime_ns(_BOOT), len(step.data)))
                connection.sendall(step.data)
            elif step.how == "half":
                connection.shutdown(socket.SHUT_WR)
            else:
                if step.how == "reset":
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return False
        return True


def _read_request(connection: socket.socket, rest: bytes, number: int) -> tuple[Request | None, bytes]:
    while b"\r\n\r\n" not in rest:
        piece = connection.recv(1 << 16)
        if not piece:
            return None, b""
        rest += piece
    head, _, body = rest.partition(b"\r\n\r\n")
    found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    length = int(found.group(1)) if found else 0
    while len(body) < length:
        piece = connection.recv(1 << 16)
        if not piece:
            return None, b""
        body += piece
    return Request(number, head, body[:length]), body[length:]


def pieces(body: bytes, chunk: str | int) -> list[bytes]:
    """`chunk`: whole, line, event, byte, or a number of bytes."""
    if chunk == "whole":
        return [body] if body else []
    if chunk == "line":
        return body.splitlines(keepends=True)
    if chunk == "event":
        return [piece for piece in re.split(rb"(?<=\n\n)|(?<=\r\n\r\n)", body) if piece]
    size = 1 if chunk == "byte" else int(chunk)
    return [body[start : start + size] for start in range(0, len(body), size)]


def answer(
    body: bytes | Sequence[bytes],
    *,
    status: int = 200,
    te: Literal["chunked", "length", "close"] = "chunked",
    chunk: str | int = "whole",
    gap: float = 0.0,
    ctype: str = "text/event-stream",
    headers: Sequence[str] = (),
    hold: float = 0.0,
) -> list[Step]:
    """The steps of one answer: `gap` seconds before each piece, `hold` before the body's end."""
    cut = pieces(body, chunk) if isinstance(body, bytes) else list(body)
    framing = {
        "chunked": "Transfer-Encoding: chunked",
        "length": f"Content-Length: {sum(map(len, cut))}",
        "close": "Connection: close",
    }[te]
    head = "\r\n".join([f"HTTP/1.1 {status} Played", f"Content-Type: {ctype}", framing, *headers]) + "\r\n\r\n"
    steps: list[Step] = [Send(head.encode())]
    for piece in cut:
        steps += [Wait(gap)] if gap else []
        steps.append(Send(b"%x\r\n%b\r\n" % (len(piece), piece) if te == "chunked" else piece))
    steps += [Wait(hold)] if hold else []
    if te == "chunked":
        steps.append(Send(b"0\r\n\r\n"))
    elif te == "close":
        steps.append(End())
    return steps


def cut(steps: Sequence[Step], at: int, how: Literal["close", "half", "reset"] = "close") -> list[Step]:
    """The same answer, its connection ended after `at` bytes (head and chunk framing counted)."""
    kept: list[Step] = []
    for step in steps:
        if isinstance(step, Send):
            kept.append(Send(step.data[:at]))
            at -= len(step.data)
            if at <= 0:
                break
        else:
            kept.append(step)
    return [*kept, End(how)]


def in_turn(*scripts: Sequence[Step]) -> Script:
    """One script a request, over and over."""
    count = iter(range(1 << 62))
    return lambda _: scripts[next(count) % len(scripts)]
