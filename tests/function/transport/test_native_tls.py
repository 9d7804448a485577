"""TLS over memory, and sessions taken up again."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from function.clock import SystemClock
from function.contract.spec import Target
from function.transport.native import NativeTransport
from function.transport.native_tls import TlsLayer
from tests.emulators.certificates import Authority
from tests.emulators.scripted_server import ScriptedServer, answer, in_turn
from tests.suites.transports import BODY, exchange


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


def shaken(authority: Authority) -> tuple[TlsLayer, ssl.SSLObject, ssl.MemoryBIO, ssl.MemoryBIO]:
    """A layer, and a server to talk to it, after their handshake; no socket."""
    context = ssl.create_default_context(cafile=str(authority.file))
    layer = TlsLayer(context, "model.test", None)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = authority.sign("model.test").server_context().wrap_bio(to_server, to_client, server_side=True)

    class Wire(asyncio.SelectorEventLoop):
        async def sock_sendall(self, sock: object, data: object) -> None:
            to_server.write(data)  # type: ignore[arg-type]
            try:
                server.do_handshake()
            except ssl.SSLWantReadError:
                return

        async def sock_recv(self, sock: object, count: int) -> bytes:
            return to_client.read(count)

    loop = Wire()
    loop.run_until_complete(layer.shake_hands(loop, None))  # type: ignore[arg-type]
    loop.close()
    return layer, server, to_server, to_client


def test_records_in_any_pieces_give_the_bytes(authority: Authority) -> None:
    layer, server, to_server, to_client = shaken(authority)
    text = bytes(range(256)) * 300
    server.write(text)
    sealed = to_client.read()
    for size in (1, 1000, len(sealed)):
        layer, server, to_server, to_client = shaken(authority)
        server.write(text)
        sealed = to_client.read()
        assert b"".join([layer.decrypt(sealed[at : at + size]) for at in range(0, len(sealed), size)]) == text
    assert not layer.ended
    large = b"x" * 1_000_000
    to_server.write(layer.encrypt(large))
    received = b""
    while len(received) < len(large):
        received += server.read(1 << 16)
    assert received == large


def test_a_goodbye_is_the_end_and_what_came_with_it_is_read(authority: Authority) -> None:
    layer, server, _, to_client = shaken(authority)
    server.write(b"last words")
    with pytest.raises(ssl.SSLWantReadError):
        server.unwrap()
    assert layer.decrypt(to_client.read()) == b"last words"
    assert layer.ended


def test_broken_records_are_an_error(authority: Authority) -> None:
    layer, server, _, to_client = shaken(authority)
    server.write(b"text")
    sealed = bytearray(to_client.read())
    sealed[-1] ^= 1
    with pytest.raises(ssl.SSLError):
        layer.decrypt(bytes(sealed))
    assert layer.answers(), "an alert says so"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_second_connection_takes_up_the_session(authority: Authority, version: ssl.TLSVersion) -> None:
    context = authority.sign("127.0.0.1").server_context()
    context.maximum_version = version

    async def go(url: str) -> list[bool]:
        transport = NativeTransport(Target(url, "chat", True, ca_file=str(authority.file)), SystemClock())
        found = []
        for _ in range(3):
            heard, channel = await exchange(transport)
            assert (heard.body, heard.failure) == (BODY, None)
            found.append(channel.reused)
        await transport.close()
        return found

    with ScriptedServer(in_turn(answer(BODY, headers=["Connection: close"])), tls=context) as server:
        assert asyncio.run(go(server.url)) == [False] * 3
    assert context.session_stats()["hits"] == 2


def test_tickets_that_come_while_idle_end_nothing(authority: Authority) -> None:
    async def go(url: str) -> bool:
        transport = NativeTransport(Target(url, "chat", True, ca_file=str(authority.file)), SystemClock())
        assert (await transport.warm(1)).connections == 1
        await asyncio.sleep(0.05)
        heard, channel = await exchange(transport)
        await transport.close()
        assert heard.body == BODY
        return channel.reused

    with ScriptedServer(in_turn(answer(BODY)), tls=authority.sign("127.0.0.1").server_context()) as server:
        assert asyncio.run(go(server.url))
        assert server.accepted == 1


def test_a_ca_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")

    async def go() -> None:
        NativeTransport(Target("https://h", "chat", True, ca_file=str(tmp_path / "ca.pem")), SystemClock())

    with pytest.raises(Exception, match=r"ca\.pem"):
        asyncio.run(go())
