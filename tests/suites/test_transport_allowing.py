"""A rule about addresses holds at every connection, whatever a name meant before. For each transport and loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from typing import Any

import pytest

from function.address import why_refused
from function.contract.errors import UsageError
from function.contract.spec import Target
from function.transport.opening import TRANSPORTS, open_transport
from function.transport.port import Failure, Transport, TransportError
from tests.emulators.scripted_server import ScriptedServer, Send, answer, in_turn
from tests.suites.transports import BODY, LIMIT_S, Run, clock, exchange

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


@pytest.fixture(params=[name for name in TRANSPORTS if name != "auto"])
def word(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def elsewhere() -> Iterator[socket.socket]:
    """Where nobody may connect: 127.0.0.2, on any port of it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.2", 0))
        listener.listen()
        listener.setblocking(False)
        yield listener


def untouched(listener: socket.socket) -> bool:
    try:
        listener.accept()
    except BlockingIOError:
        return True
    return False


async def failure_of(transport: Transport) -> Failure:
    with pytest.raises(TransportError) as refusal:
        await asyncio.wait_for(transport.acquire(), LIMIT_S)
    return refusal.value.failure


def opened(word: str, url: str, rule: Callable[[str], str | None]) -> Transport:
    return open_transport(Target(root=url, api="chat", streaming=True, transport=word), clock, rule)  # type: ignore[arg-type]


def only(*addresses: str) -> Callable[[str], str | None]:
    return lambda address: None if address in addresses else f"{address} is refused"


def names(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
    """What the system's resolver says: these answers in turn, the last one ever after."""
    left = list(answers)
    real = socket.getaddrinfo

    def resolve(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        if host not in ("model.test", b"model.test"):
            return real(host, port, *rest, **more)
        if more.get("flags", 0) & socket.AI_NUMERICHOST:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        found = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


@pytest.mark.parametrize("host", ["127.0.0.2", "[::ffff:127.0.0.2]", "0x7f.0.0.2", "2130706434"])
def test_an_address_in_any_spelling_is_refused(run: Run, word: str, elsewhere: socket.socket, host: str) -> None:
    async def go() -> tuple[Failure, Failure | None]:
        transport = opened(word, f"http://{host}:{elsewhere.getsockname()[1]}", lambda one: why_refused(one, ()))
        try:
            return await failure_of(transport), (await transport.warm(2)).failure
        finally:
            await transport.close()

    for failure in run(go()):
        assert failure is not None
        if failure.kind == "target_refused":
            assert "private or loopback" in failure.message
        else:  # one of the two does not take a bare number for an address at all
            assert (failure.kind, host, word) == ("connect", "2130706434", "aiohttp")
    assert untouched(elsewhere)


def test_what_the_rule_permits_is_served(run: Run, word: str) -> None:
    async def go(url: str) -> bytes:
        transport = opened(word, url.replace("127.0.0.1", "localhost"), lambda one: why_refused(one, LOOPBACK))
        try:
            return (await exchange(transport))[0].body
        finally:
            await transport.close()

    with ScriptedServer(in_turn(answer(BODY))) as server:
        assert run(go(server.url)) == BODY


def test_a_name_that_is_bound_anew_is_judged_anew(
    word: str, elsewhere: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first look at the name gave a harmless address; the connection goes by the second."""
    names(monkeypatch, ["127.0.0.1"], ["127.0.0.2"])

    async def go() -> list[Failure]:
        assert (await asyncio.get_running_loop().getaddrinfo("model.test", 80))[0][4][0] == "127.0.0.1"
        transport = opened(word, f"http://model.test:{elsewhere.getsockname()[1]}", only("127.0.0.1"))
        try:
            return [await failure_of(transport) for _ in range(2)]
        finally:
            await transport.close()

    assert {failure.kind for failure in asyncio.run(go())} == {"target_refused"}
    assert untouched(elsewhere)


def test_of_several_addresses_only_the_permitted_are_tried(
    word: str, elsewhere: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    names(monkeypatch, ["127.0.0.2", "127.0.0.1"])

    async def go() -> bytes:
        port = elsewhere.getsockname()[1]
        server = await asyncio.start_server(reply, "127.0.0.1", port)
        transport = opened(word, f"http://model.test:{port}", only("127.0.0.1"))
        try:
            return (await exchange(transport))[0].body
        finally:
            await transport.close()
            server.close()

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        writer.close()

    assert asyncio.run(go()) == b"ok"
    assert untouched(elsewhere)


def test_when_all_addresses_are_refused_it_says_so(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, ["127.0.0.2", "127.0.0.3", "169.254.169.254"])

    async def go() -> Failure:
        transport = opened(word, "http://model.test:9", lambda one: why_refused(one, ()))
        try:
            return await failure_of(transport)
        finally:
            await transport.close()

    assert asyncio.run(go()).kind == "target_refused"


def test_a_redirect_is_an_answer_and_leads_nowhere(run: Run, word: str, elsewhere: socket.socket) -> None:
    where = f"http://127.0.0.2:{elsewhere.getsockname()[1]}/".encode()
    head = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: " + where + b"\r\nContent-Length: 0\r\n\r\n"

    async def go(url: str) -> int | None:
        transport = opened(word, url, lambda one: why_refused(one, LOOPBACK))
        try:
            return (await exchange(transport))[0].status
        finally:
            await transport.close()

    with ScriptedServer(in_turn([Send(head)])) as server:
        assert run(go(server.url)) == 307
    assert untouched(elsewhere)


def test_no_proxy_hides_where_it_connects_to(run: Run, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:3128")
    monkeypatch.setenv("NO_PROXY", "")

    async def go() -> None:
        for name in (word, "auto"):
            with pytest.raises(UsageError) as refusal:
                opened(name, "https://llm.example.com", lambda one: None)
            assert refusal.value.code == "target_refused"

    run(go())
