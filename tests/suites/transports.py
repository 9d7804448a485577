"""What the transport suite needs: a sink that keeps what it is told, and one exchange."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from function.clock import SystemClock
from function.contract.spec import Target
from function.transport.keeping import PROOF_S
from function.transport.opening import TRANSPORTS
from function.transport.port import Channel, Failure, Transport, TransportError
from tests.emulators.scripted_server import ScriptedServer, Step, in_turn

LIMIT_S = 15.0
BODY = b'data: {"a":1}\n\ndata: {"b":"' + b"x" * 300 + b'"}\n\ndata: [DONE]\n\n'
clock = SystemClock()
Opener = Callable[..., Any]
Run = Callable[[Coroutine[Any, Any, Any]], Any]


class Heard:
    """A sink that keeps what it is told."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.headers: Mapping[str, str] = {}
        self.pieces: list[tuple[int, bytes]] = []
        self.ended_ns: int | None = None
        self.failure: Failure | None = None
        self.over = asyncio.get_running_loop().create_future()
        self.lags: list[int] = []

    @property
    def body(self) -> bytes:
        return b"".join(data for _, data in self.pieces)

    def head(self, stamp_ns: int, status: int, headers: Mapping[str, str]) -> None:
        assert self.status is None and not self.over.done()
        self.status, self.headers = status, headers

    def feed(self, stamp_ns: int, data: bytes) -> None:
        assert self.status is not None and not self.over.done() and data
        self.lags.append(clock.now_ns() - stamp_ns)
        self.pieces.append((stamp_ns, data))

    def end(self, stamp_ns: int) -> None:
        self.ended_ns = stamp_ns
        self.over.set_result(None)

    def fail(self, stamp_ns: int, failure: Failure) -> None:
        self.failure = failure
        self.over.set_result(None)

    async def until_over(self) -> Heard:
        await asyncio.wait_for(asyncio.shield(self.over), LIMIT_S)
        return self


def opener_of(word: str) -> Opener:
    """An asynchronous context: `async with opened(url, **target) as transport`."""

    @asynccontextmanager
    async def open_it(root: str, **target: Any) -> AsyncIterator[Transport]:
        fields = {"api": "chat", "streaming": True, **target}
        transport = TRANSPORTS[word](Target(root=root, **fields), clock)
        try:
            yield transport
        finally:
            await transport.close()

    return open_it


def post(body: bytes = b"{}", path: str = "/v1/chat/completions") -> bytes:
    return b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (path.encode(), len(body), body)


async def exchange(transport: Transport, request: bytes = post()) -> tuple[Heard, Channel]:
    channel = await asyncio.wait_for(transport.acquire(), LIMIT_S)
    heard = Heard()
    channel.send(request, heard)
    return await heard.until_over(), channel


async def proven(transport: Transport) -> tuple[Heard, Channel]:
    """One exchange, and the time in which the server shows that it keeps the connection."""
    outcome = await exchange(transport)
    await asyncio.sleep(2 * PROOF_S)
    return outcome


def one(run: Run, opened: Opener, steps: Sequence[Step], request: bytes = post()) -> Heard:
    """The outcome of one exchange with a server that plays these steps."""

    async def go(url: str) -> Heard:
        async with opened(url) as transport:
            return (await exchange(transport, request))[0]

    with ScriptedServer(in_turn(steps)) as server:
        return run(go(server.url))


def refused(run: Run, opened: Opener, url: str, **target: Any) -> Failure:
    """Why no connection can be had, which warming must find too."""

    async def go() -> Failure:
        async with opened(url, **target) as transport:
            with pytest.raises(TransportError) as refusal:
                await asyncio.wait_for(transport.acquire(), LIMIT_S)
            assert (await transport.warm(2)).failure is not None
            return refusal.value.failure

    failure = run(go())
    assert isinstance(failure, Failure) and failure.message
    return failure


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class deaf_listener:
    """A port whose queue of connections is full: connecting to it takes for ever."""

    def __enter__(self) -> int:
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(0)
        self._fill = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(self._listener.getsockname())
            self._fill.append(filler)
        time.sleep(0.02)
        return int(self._listener.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        for one in (*self._fill, self._listener):
            one.close()


class tunnel_to:
    """A proxy that knows CONNECT alone, and one way to go."""

    def __init__(self, port: int) -> None:
        self._to = port
        self.asked: list[bytes] = []

    def __enter__(self) -> tunnel_to:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self._thread.join(5)

    def _serve(self) -> None:
        near, _ = self._listener.accept()
        with near, socket.create_connection(("127.0.0.1", self._to)) as far:
            self.asked.append(near.recv(4096).split(b"\r\n")[0])
            near.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=self._pump, args=(far, near), daemon=True)
            back.start()
            self._pump(near, far)
            back.join(5)

    @staticmethod
    def _pump(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):  # one side has gone
            while data := source.recv(1 << 16):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
