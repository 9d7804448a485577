"""The door to aiohttp: its connector (names, happy eyeballs, TLS, proxies, pool) and its C parser, without its session.

What a session adds (cookies, redirects, retries, netrc, decompression, a task per body) is what a benchmark must not
do: so a connection is taken from the connector, the request's bytes are written in the call that was asked to, and what
comes back goes to the sink inside `data_received`, with a stamp taken as its first act.
"""

from __future__ import annotations

import asyncio
import functools
import socket
from collections.abc import Mapping
from typing import Any, cast

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.streams import StreamReader
from yarl import URL

from function.clock import Clock
from function.contract.spec import Target
from function.transport.aiohttp_failure import failure_of, line
from function.transport.allowing import AddressRule, check_address
from function.transport.hangup import has_hung_up
from function.transport.head import parse_endpoint
from function.transport.keeping import Keeping
from function.transport.port import (
    KEEP_ALIVE_S,
    LINE_LIMIT,
    READ_BYTES,
    Failure,
    LoopDriven,
    Sink,
    Stamping,
    TellsAtOnce,
    TransportError,
    WarmUp,
)
from function.transport.proxy import environment_proxy
from function.transport.tls import tls_context
from function.transport.warming import open_together

DNS_CACHE_S = 60
# The parser stops the socket above twice this; what a read brought is taken before the next, so it never does.
READ_LIMIT = 1 << 20
_NO_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=None, sock_read=None, sock_connect=None)


class _Handler(ResponseHandler):
    """aiohttp's client protocol, telling a sink what each read brought within that read."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock, keeping: Keeping) -> None:
        super().__init__(loop)
        self.fresh = True
        self.connection: Connection | None = None  # while an exchange is under way
        self.opened_ns = clock.now_ns()  # the connector builds its protocol once TCP is connected
        self.ready_ns = 0
        self._clock = clock
        self._keeping = keeping
        self._over: Any = None  # the connection of the last exchange
        self._answered_ns: int | None = None  # of the last exchange; None where it is us who hang up
        self._sink: Sink | None = None
        self._body: StreamReader | None = None
        self._stamp = 0

    def begin(self, connection: Connection, request: bytes, sink: Sink) -> None:
        self.connection, self._sink, self._body = connection, sink, None
        self._stamp = self._clock.now_ns()
        self.set_response_params(
            read_until_eof=True,
            auto_decompress=False,
            read_bufsize=READ_LIMIT,
            max_line_size=LINE_LIMIT,
            max_field_size=LINE_LIMIT,
        )
        if self.transport is None:
            self._conclude(Failure("connection_lost", "the connection broke before the request was written"))
        else:
            self.transport.write(request)

    def give_up(self, connection: Connection) -> None:
        """No more is told of its exchange. Nothing happens to one whose exchange is over."""
        if connection is self.connection:
            self._sink = self._body = None
            self._let_go(keep=False)
        elif connection is not self._over:
            self._answered_ns = None
            connection.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.ready_ns = self._clock.now_ns()
        if isinstance(getattr(transport, "max_size", None), int):
            transport.max_size = READ_BYTES  # type: ignore[attr-defined]  # asyncio's own; uvloop has no such thing

    def data_received(self, data: bytes) -> None:
        self._stamp = self._clock.now_ns()
        super().data_received(data)
        sink = self._sink
        if sink is None:
            if not self.fresh:
                self.force_close()  # bytes that nobody asked for: whatever follows is not an answer either
            return
        body = self._body
        if body is not None:
            if piece := body.read_nowait():
                sink.feed(self._stamp, piece)
            if body.is_eof():
                self._conclude(None)
                return
        if (error := self.exception()) is not None:
            self._conclude(Failure("protocol", f"the answer is not HTTP/1.1: {line(error)}"))

    def feed_data(self, data: Any, size: int = 0) -> None:
        """A head was parsed. Without a sink it is aiohttp's own business: an answer to CONNECT, or a stray one."""
        if self._sink is None or self._body is not None:
            super().feed_data(data, size)
            return
        message, body = data
        if message.code == 101:
            self.force_close()
            self.set_exception(ConnectionError("the server switched to another protocol"))
        elif message.code >= 200:
            self._body = body
            self._sink.head(self._stamp, message.code, message.headers)

    def resume_reading(self, *args: Any, **kwargs: Any) -> None:
        """aiohttp calls this after every piece taken and parses nothing once more, though it was never paused."""
        if self._reading_paused:
            super().resume_reading(*args, **kwargs)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._stamp = self._clock.now_ns()
        body = self._body
        super().connection_lost(exc)
        if body is None and self._answered_ns is not None:
            self._keeping.hung_up((self._stamp - self._answered_ns) / 1e9)
        if self._sink is None:
            return
        if body is not None and body.is_eof() and body.exception() is None:
            self._conclude(None)  # a body that ends where the connection does
        else:
            where = "before it answered" if body is None else "in the middle of the answer"
            why = f": {line(exc)}" if exc is not None else ""
            self._conclude(Failure("connection_lost", f"the server's connection ended {where}{why}"))

    def _conclude(self, failure: Failure | None) -> None:
        sink, self._sink, self._body = self._sink, None, None
        # A connection that still writes its request has an answer that came too early to be trusted with another.
        unsent = self.transport is not None and self.transport.get_write_buffer_size() > 0
        self._let_go(keep=failure is None and not unsent)
        if sink is not None:
            if failure is None:
                sink.end(self._stamp)
            else:
                sink.fail(self._stamp, failure)

    def _let_go(self, keep: bool) -> None:
        connection, self.connection = self.connection, None
        if connection is None:
            return
        self._over = connection
        if not keep and self.transport is not None:
            self.transport.abort()
        if not keep or self.should_close:
            self.hang_up()
        else:
            self._answered_ns = self._stamp
            self._keeping.answered(self)

    def reuse(self) -> None:
        self._over.release()

    def hang_up(self) -> None:
        self._answered_ns = None
        self._over.close()

    def is_open(self) -> bool:
        socket = self.transport.get_extra_info("socket") if self.transport is not None else None
        return socket is not None and not self.should_close and not has_hung_up(socket)


class _Resolver(aiohttp.ThreadedResolver):
    """The system's resolver, and how long it last took."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
        super().__init__(loop=loop)
        self._clock = clock
        self.took_ns: int | None = None

    async def resolve(self, *args: Any, **kwargs: Any) -> Any:
        before = self._clock.now_ns()
        try:
            return await super().resolve(*args, **kwargs)
        finally:
            self.took_ns = self._clock.now_ns() - before


class _Connector(aiohttp.TCPConnector):
    """The connector, building our protocol."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, clock: Clock, resolver: _Resolver, rule: AddressRule | None
    ) -> None:
        # limit=0: a client that queues for connections of its own making measures itself.
        super().__init__(
            limit=0,
            ttl_dns_cache=DNS_CACHE_S,
            keepalive_timeout=KEEP_ALIVE_S,
            resolver=resolver,
            loop=loop,
            socket_factory=None if rule is None else functools.partial(_allowed_socket, rule),
        )
        self.keeping = Keeping(loop.call_later)
        self._factory = cast(Any, functools.partial(_Handler, loop=loop, clock=clock, keeping=self.keeping))


def _allowed_socket(rule: AddressRule, where: tuple[Any, ...]) -> socket.socket:
    family, kind, protocol, _, address = where
    check_address(rule, address[0])
    return socket.socket(family, kind, protocol)


class AiohttpChannel(TellsAtOnce):
    """function.transport.port.Channel."""

    def __init__(self, connection: Connection, connect_ns: int | None) -> None:
        self._connection = connection
        self.handler = cast(_Handler, connection.protocol)
        self.connect_ns = connect_ns
        self.reused = connect_ns is None

    def send(self, request: bytes, sink: Sink) -> None:
        self.handler.begin(self._connection, request, sink)

    def close(self) -> None:
        self.handler.give_up(self._connection)

    def keep(self) -> None:
        """Into the pool, unused."""
        self._connection.release()


class AiohttpTransport(LoopDriven):
    """function.transport.port.Transport. Build it inside the running loop; raises UsageError for a bad URL or file."""

    def __init__(self, target: Target, clock: Clock, rule: AddressRule | None = None) -> None:
        loop = asyncio.get_running_loop()
        endpoint = parse_endpoint(target.root)
        proxy = environment_proxy(endpoint)
        self._secure = endpoint.scheme == "https"
        self._clock = clock
        self._resolver = _Resolver(loop, clock)
        self._connector = _Connector(loop, clock, self._resolver, rule)
        self.absolute_form = f"http://{endpoint.authority}" if proxy and not self._secure else ""
        self.proxy_headers: Mapping[str, str] = proxy.headers if proxy and not self._secure else {}
        # Never sent: the connector reads from it where to connect to, and how.
        self._template = functools.partial(
            ClientRequest,
            "POST",
            URL(f"{endpoint.scheme}://{endpoint.authority}/"),
            loop=loop,
            ssl=tls_context(target) if self._secure else True,
            proxy=URL(proxy.url) if proxy else None,
            proxy_headers=proxy.headers if proxy else None,
        )
        # The connector writes into a request that goes through a proxy, and then finds no connection it kept for it.
        self._shared = None if proxy else self._template()

    @property
    def stamping(self) -> Stamping:
        return Stamping()  # by the clock, as the loop comes to each read

    async def acquire(self) -> AiohttpChannel:
        before = self._clock.now_ns()
        while True:
            template = self._shared or self._template()
            try:
                connection = await self._connector.connect(template, traces=[], timeout=_NO_TIMEOUT)
            except (aiohttp.ClientError, OSError) as error:
                raise TransportError(failure_of(error, self._secure)) from error
            handler = cast(_Handler, connection.protocol)
            if handler.fresh:
                handler.fresh = False
                return AiohttpChannel(connection, self._clock.now_ns() - before)
            if handler.is_open():
                return AiohttpChannel(connection, None)
            connection.close()

    async def warm(self, connections: int) -> WarmUp:
        self._resolver.took_ns = None
        before = self._clock.now_ns()
        opened: list[AiohttpChannel] = []
        try:
            failure = await open_together(self.acquire, connections, opened)
        finally:  # a warm-up cut short keeps what it has opened
            for channel in opened:
                channel.keep()
        if not opened:
            return WarmUp(0, self._resolver.took_ns, failure=failure)
        dns_ns, handler, fresh = self._resolver.took_ns, opened[0].handler, not opened[0].reused
        return WarmUp(
            connections=len(opened),
            dns_ns=dns_ns,
            connect_ns=handler.opened_ns - before - (dns_ns or 0) if fresh else None,
            tls_ns=handler.ready_ns - handler.opened_ns if fresh and self._secure else None,
            failure=failure,
        )

    async def close(self) -> None:
        self._connector.keeping.close()
        await self._connector.close()
