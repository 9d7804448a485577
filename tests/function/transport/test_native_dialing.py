"""Names, addresses in turn, and what each failure is called."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from function.clock import SystemClock
from function.transport import native_dialing
from function.transport.head import parse_endpoint
from function.transport.native_dialing import Dialer, Dialled
from function.transport.port import TransportError

Where = tuple[Any, ...]


class World(asyncio.SelectorEventLoop):
    """A loop in which names and connections are what a test says; `connect(host)` gives seconds or an error."""

    def __init__(self, addresses: list[str], connect: Callable[[str], float | OSError]) -> None:
        super().__init__()
        self.addresses, self.connect = addresses, connect
        self.asked, self.tried = 0, list[str]()

    async def getaddrinfo(self, host: Any, port: Any, **_: Any) -> Any:
        self.asked += 1
        await asyncio.sleep(0.01)
        families = {True: socket.AF_INET6, False: socket.AF_INET}
        return [(families[":" in one], socket.SOCK_STREAM, 6, "", (one, port)) for one in self.addresses]

    async def sock_connect(self, sock: Any, address: Any) -> None:
        self.tried.append(address[0])
        outcome = self.connect(address[0])
        if isinstance(outcome, OSError):
            raise outcome
        await asyncio.sleep(outcome)


def dialled(world: World, doing: Callable[[Dialer], Coroutine[Any, Any, Any]]) -> Any:
    made: list[socket.socket] = []

    async def go() -> Any:
        dialer = Dialer(world, SystemClock(), parse_endpoint("http://model.test"), None, made.append)
        return await doing(dialer)

    with asyncio.Runner(loop_factory=lambda: world) as runner:
        result = runner.run(go())
        runner.run(asyncio.sleep(0))
    kept = result if isinstance(result, list) else [result]
    sockets = {one.socket for one in kept if isinstance(one, Dialled)}
    assert {one for one in made if one.fileno() >= 0} == sockets, "no other socket is left"
    for one in sockets:
        one.close()
    return result


async def three(dialer: Dialer) -> list[Dialled]:
    return [await dialer.dial() for _ in range(3)]


def test_a_name_is_asked_once_by_all_who_need_it() -> None:
    async def at_once(dialer: Dialer) -> list[Dialled]:
        return [*await asyncio.gather(*(dialer.dial() for _ in range(5))), await dialer.dial()]

    world = World(["10.0.0.1"], lambda _: 0.0)
    found = dialled(world, at_once)
    assert world.asked == 1
    assert [one.dns_ns is None for one in found] == [False] * 5 + [True]
    assert found[0].dns_ns >= 9_000_000 and found[0].connect_ns >= 0


def test_one_who_leaves_does_not_take_the_answer_from_the_others() -> None:
    async def one_leaves(dialer: Dialer) -> Dialled:
        leaving, staying = asyncio.ensure_future(dialer.dial()), asyncio.ensure_future(dialer.dial())
        await asyncio.sleep(0)
        leaving.cancel()
        return await staying

    assert dialled(World(["10.0.0.1"], lambda _: 0.0), one_leaves).connect_ns >= 0


def test_several_addresses_share_the_connections() -> None:
    world = World(["10.0.0.1", "10.0.0.2", "::1"], lambda _: 0.0)
    dialled(world, three)
    assert world.tried == ["10.0.0.1", "10.0.0.2", "10.0.0.1"], "of the family that comes first"


def test_one_that_refuses_is_passed_over_and_avoided() -> None:
    refusing = ConnectionRefusedError(111, "refused")
    world = World(["::1", "10.0.0.2"], lambda host: refusing if host == "::1" else 0.0)
    dialled(world, three)
    assert world.tried == ["::1", "10.0.0.2", "10.0.0.2", "10.0.0.2"]


def test_one_that_hesitates_is_overtaken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native_dialing, "HEAD_START_S", 0.03)
    world = World(["::1", "10.0.0.2"], lambda host: 5.0 if host == "::1" else 0.0)
    found = dialled(world, three)
    assert world.tried == ["::1", "10.0.0.2", "10.0.0.2", "10.0.0.2"]
    assert 30_000_000 <= found[0].connect_ns < 3_000_000_000


def test_where_none_answers_the_first_says_why_and_the_name_is_asked_again() -> None:
    async def twice(dialer: Dialer) -> list[str]:
        said = []
        for _ in range(2):
            with pytest.raises(TransportError) as refusal:
                await dialer.dial()
            said.append(refusal.value.failure.message)
        return said

    world = World(["10.0.0.1", "10.0.0.2"], lambda host: OSError(errno.EHOSTUNREACH, f"no route to {host}"))
    assert "10.0.0.1" in dialled(world, twice)[0]
    assert world.asked == 2


def test_a_cancelled_race_leaves_nothing() -> None:
    async def cut(dialer: Dialer) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(dialer.dial(), 0.05)

    dialled(World(["10.0.0.1", "10.0.0.2"], lambda _: 5.0), cut)
    dialled(World(["10.0.0.1"], lambda _: 5.0), cut)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectionRefusedError(111, "refused"), "connect"),
        (OSError(errno.EHOSTUNREACH, "no route"), "connect"),
        (OSError(errno.EMFILE, "too many open files"), "connect"),
        (OSError(errno.ETIMEDOUT, "timed out"), "connect_timeout"),
        (ConnectionResetError(104, "reset"), "connect"),
    ],
)
def test_its_errors_have_our_words(error: OSError, kind: str) -> None:
    failure = native_dialing._failure(error)
    assert failure.kind == kind and failure.message
    assert ("ulimit" in failure.message) == (error.errno == errno.EMFILE)


@pytest.mark.parametrize("error", [ssl.SSLError(1, "wrong version number"), ConnectionResetError(104, "reset")])
def test_what_fails_after_the_connection_is_a_tls_failure(error: OSError) -> None:
    failure = native_dialing._tls_failure(error)
    assert failure.kind == "tls" and failure.message
