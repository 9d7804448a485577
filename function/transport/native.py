"""The native transport: own sockets, the kernel's stamps, httptools' parser, a pool, and nothing between them.

Made for measuring: what arrives is stamped by the kernel, so a busy loop delays no time it reports, and an event costs
one read, one parse and one call of the sink. Linux, HTTP/1.1, no proxies; there the other transport serves.
"""

from __future__ import annotations

import asyncio
import select
from collections import OrderedDict
from collections.abc import Mapping

from function.alarm import Alarm
from function.clock import Clock
from function.contract.errors import UsageError
from function.contract.spec import Target
from function.transport.allowing import AddressRule
from function.transport.head import Endpoint, parse_endpoint
from function.transport.keeping import Keeping
from function.transport.native_connection import Connection, Home
from function.transport.native_dialing import Dialer, Dialled
from function.transport.native_readiness import Readiness
from function.transport.native_stamps import KernelStamps
from function.transport.port import KEEP_ALIVE_S, Failure, Sink, Stamping, TransportError, WarmUp
from function.transport.proxy import environment_proxy
from function.transport.tls import tls_context
from function.transport.warming import open_together

_CLOSING = Failure("connection_lost", "the worker closed its connections")


def why_not_native(endpoint: Endpoint) -> str | None:
    """Why it cannot serve there; None: it can."""
    if not hasattr(select, "epoll"):
        return "this platform has no epoll"
    if environment_proxy(endpoint) is not None:
        return "a proxy stands before the endpoint"
    return None


class NativeChannel:
    """function.transport.port.Channel."""

    def __init__(self, connection: Connection, dialled: Dialled | None, connect_ns: int | None) -> None:
        self._connection = connection
        connection.holder = self
        self.dialled = dialled
        self.connect_ns = connect_ns
        self.reused = connect_ns is None

    def send(self, request: bytes, sink: Sink) -> None:
        self._connection.send(request, sink)

    @property
    def untold(self) -> int:
        return self._connection.untold if self._connection.holder is self else 0

    def catch_up(self) -> None:
        if self._connection.holder is self:
            self._connection.catch_up()

    def close(self) -> None:
        if self._connection.holder is self:
            self._connection.drop()

    def release(self) -> Connection | None:
        """Its connection unused, unless that has gone."""
        if self._connection.holder is not self:
            return None
        self._connection.holder = None
        return self._connection


class NativeTransport:
    """function.transport.port.Transport. Build it inside the running loop; raises UsageError for a bad URL or file,
    and where `why_not_native` has a reason."""

    absolute_form = ""

    def __init__(self, target: Target, clock: Clock, rule: AddressRule | None = None) -> None:
        loop = asyncio.get_running_loop()
        endpoint = parse_endpoint(target.root)
        why_not = why_not_native(endpoint)
        if why_not is not None:
            raise UsageError(
                f"the native transport cannot be used: {why_not}", path="server.transport", hint="auto or aiohttp"
            )
        context = tls_context(target) if endpoint.scheme == "https" else None
        self.proxy_headers: Mapping[str, str] = {}
        self._clock = clock
        self._stamps = KernelStamps(clock)
        self._stamps.changing = self._catch_up
        self._readiness = Readiness(loop, clock, self._stamps.sample)
        self._keeping = Keeping(loop.call_later)
        self._home = Home(self._readiness, self._stamps, clock, self._keeping, self._freed, self._gone)
        self._dialer = Dialer(loop, clock, endpoint, context, self._stamps.ask, rule)
        self._open: set[Connection] = set()
        self._idle: OrderedDict[Connection, int] = OrderedDict()  # and since when, ns; the longest first
        self._closed = False

    @property
    def stamping(self) -> Stamping:
        return self._stamps.stamping

    def heed(self, alarm: Alarm) -> None:
        self._readiness.alarm = alarm

    def at_hand(self) -> NativeChannel | None:
        idle = self._from_pool()
        return NativeChannel(idle, None, None) if idle is not None else None

    async def acquire(self) -> NativeChannel:
        idle = self.at_hand()
        if idle is not None:
            return idle
        begun_ns = self._clock.now_ns()
        dialled = await self._dialer.dial()
        if self._closed:
            dialled.socket.close()
            raise TransportError(_CLOSING)
        connection = Connection(dialled.socket, dialled.tls, self._home)
        self._open.add(connection)
        return NativeChannel(connection, dialled, self._clock.now_ns() - begun_ns)

    async def warm(self, connections: int) -> WarmUp:
        opened: list[NativeChannel] = []
        try:
            failure = await open_together(self.acquire, connections, opened)
        finally:  # a warm-up cut short keeps what it has opened
            for channel in opened:
                self._keep_unused(channel)
        dialled = opened[0].dialled if opened else None
        if dialled is None:
            return WarmUp(len(opened), failure=failure)
        return WarmUp(len(opened), dialled.dns_ns, dialled.connect_ns, dialled.tls_ns, failure)

    async def close(self) -> None:
        self._closed = True
        self._keeping.close()
        for connection in list(self._open):
            connection.break_off(_CLOSING)
        self._readiness.close()

    def _from_pool(self) -> Connection | None:
        """The one that served last, so that those too many grow old and go."""
        oldest_ns = self._clock.now_ns() - int(KEEP_ALIVE_S * 1e9)
        while self._idle and next(iter(self._idle.values())) <= oldest_ns:
            self._idle.popitem(last=False)[0].drop()
        while self._idle:
            connection, _ = self._idle.popitem()
            if connection.is_open():
                return connection
        return None

    def _catch_up(self) -> None:
        for connection in list(self._open):
            connection.catch_up()

    def _keep_unused(self, channel: NativeChannel) -> None:
        connection = channel.release()
        if connection is not None:
            self._freed(connection)

    def _freed(self, connection: Connection) -> None:
        self._idle[connection] = connection.stamp_ns

    def _gone(self, connection: Connection) -> None:
        self._open.discard(connection)
        self._idle.pop(connection, None)
