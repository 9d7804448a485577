"""How the native transport gets a connection: the name once, its addresses in turn, then TLS.

The system's resolver is asked off the loop, once; and again when no address it gave can be reached. Several addresses
share the connections, and the next one is tried beside one that hesitates (RFC 8305), which is avoided from then on.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any, NamedTuple

from function.clock import Clock
from function.error_text import shorten
from function.transport.allowing import AddressRefused, AddressRule, check_address
from function.transport.head import Endpoint
from function.transport.native_tls import TlsLayer
from function.transport.port import Failure, TransportError

HEAD_START_S = 0.25  # RFC 8305, section 5
_NO_FILES = (errno.EMFILE, errno.ENFILE)
Address = tuple[int, tuple[Any, ...]]  # family, and a socket address of it


class Dialled(NamedTuple):
    """An open connection, and what each step took. None: it was not needed."""

    socket: socket.socket
    tls: TlsLayer | None
    dns_ns: int | None
    connect_ns: int
    tls_ns: int | None


class Dialer:
    """`prepare` is called with each new socket before it connects. `context` None: no TLS. `rule`: which addresses."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        endpoint: Endpoint,
        context: ssl.SSLContext | None,
        prepare: Callable[[socket.socket], None],
        rule: AddressRule | None = None,
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._endpoint = endpoint
        self._context = context
        self._prepare = prepare
        self._rule = rule
        self._addresses: list[Address] = []
        self._avoided: set[Address] = set()
        self._resolving: asyncio.Task[list[Address]] | None = None
        self._turn = count()
        self._latest: TlsLayer | None = None

    async def dial(self) -> Dialled:
        """Raises TransportError."""
        begun_ns = self._clock.now_ns()
        dns_ns = await self._resolve()
        try:
            connection = await self._connect(self._in_order())
        except OSError as error:
            if error.errno not in _NO_FILES:
                self._addresses, self._avoided = [], set()  # the name may mean others by now
            raise TransportError(_failure(error)) from error
        open_ns = self._clock.now_ns()
        connect_ns = open_ns - begun_ns - (dns_ns or 0)
        if self._context is None:
            return Dialled(connection, None, dns_ns, connect_ns, None)
        tls = await self._secure(self._context, connection)
        return Dialled(connection, tls, dns_ns, connect_ns, self._clock.now_ns() - open_ns)

    async def _resolve(self) -> int | None:
        """What it took, None where the addresses were known."""
        if self._addresses:
            return None
        host, port = self._endpoint.host, self._endpoint.port
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        except OSError:
            begun_ns = self._clock.now_ns()
            await self._ask_for_name()
            return self._clock.now_ns() - begun_ns
        self._addresses = _addresses(found)
        return None

    async def _ask_for_name(self) -> None:
        """Those who ask at once share one question, which goes on if one of them is cancelled."""
        if self._resolving is None:
            self._resolving = self._loop.create_task(self._ask())
            self._resolving.add_done_callback(self._resolved)
        try:
            self._addresses = await asyncio.shield(self._resolving)
        except OSError as error:
            message = f"{self._endpoint.host}: {error.strerror or error}"
            raise TransportError(Failure("dns", shorten(message))) from error

    async def _ask(self) -> list[Address]:
        found = await self._loop.getaddrinfo(self._endpoint.host, self._endpoint.port, type=socket.SOCK_STREAM)
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "the name has no address")
        return _addresses(found)

    def _resolved(self, task: asyncio.Task[list[Address]]) -> None:
        self._resolving = None
        if not task.cancelled():
            task.exception()  # also where nobody waits for it any more

    def _in_order(self) -> list[Address]:
        """Connections go to the addresses of one family in turn; the others are for when those fail."""
        good = [one for one in self._addresses if one not in self._avoided] or self._addresses
        first = [one for one in good if one[0] == good[0][0]]
        begin = next(self._turn) % len(first)
        turned = first[begin:] + first[:begin]
        return turned + [one for one in self._addresses if one not in turned]

    async def _connect(self, addresses: list[Address]) -> socket.socket:
        """Raises the OSError of the first address where none can be reached."""
        attempts: dict[asyncio.Task[socket.socket], Address] = {}
        errors: list[OSError] = []
        waiting = list(addresses)
        if len(waiting) == 1:
            return await self._connect_to(waiting[0])
        try:
            while waiting or attempts:
                if waiting:
                    address = waiting.pop(0)
                    attempts[self._loop.create_task(self._connect_to(address))] = address
                head_start_s = HEAD_START_S if waiting else None
                done, _ = await asyncio.wait(attempts, timeout=head_start_s, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    address = attempts.pop(task)
                    error = task.exception()
                    if error is None:
                        self._avoided |= set(addresses[: addresses.index(address)])
                        return task.result()
                    if not isinstance(error, OSError):
                        raise error
                    errors.append(error)
        finally:
            for task in attempts:
                task.cancel()
                task.add_done_callback(_discard)
        raise errors[0]

    async def _connect_to(self, address: Address) -> socket.socket:
        family, where = address
        check_address(self._rule, where[0])
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._prepare(connection)
            await self._loop.sock_connect(connection, where)
        except BaseException:  # cancelled, too
            connection.close()
            raise
        return connection

    async def _secure(self, context: ssl.SSLContext, connection: socket.socket) -> TlsLayer:
        session = self._latest.session if self._latest is not None else None
        tls = TlsLayer(context, self._endpoint.host, session)
        try:
            await tls.shake_hands(self._loop, connection)
        except OSError as error:
            connection.close()
            raise TransportError(_tls_failure(error)) from error
        except BaseException:  # cancelled
            connection.close()
            raise
        self._latest = tls
        return tls


def _addresses(found: Iterable[tuple[Any, ...]]) -> list[Address]:
    """Of what getaddrinfo gives."""
    return list(dict.fromkeys((family, where) for family, *_, where in found))


def _discard(task: asyncio.Task[socket.socket]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()


def _failure(error: OSError) -> Failure:
    if isinstance(error, AddressRefused):
        return Failure("target_refused", shorten(error.strerror or ""))
    if error.errno in _NO_FILES:
        return Failure("connect", "no file descriptor left for a connection (ulimit -n)")
    return Failure("connect_timeout" if error.errno == errno.ETIMEDOUT else "connect", _line(error))


def _tls_failure(error: OSError) -> Failure:
    if isinstance(error, ssl.SSLError):
        return Failure("tls", _line(error))
    return Failure("tls", f"the server broke off the TLS handshake: {_line(error)}")


def _line(error: BaseException) -> str:
    return shorten(str(error)) or type(error).__name__
