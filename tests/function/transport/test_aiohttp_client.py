"""What is aiohttp's own in its transport; the rest is in the suite that every transport passes."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from typing import Any

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from function.clock import SystemClock
from function.contract.spec import Target
from function.transport import aiohttp_client, aiohttp_failure
from function.transport.aiohttp_client import AiohttpTransport
from function.transport.keeping import PROOF_S
from tests.emulators.scripted_server import ScriptedServer, answer, in_turn
from tests.suites.transports import BODY, Heard, exchange

KEY = ConnectionKey("h", 1, False, True, None, None, None, None)


def error_of(kind: Any, cause: OSError) -> Exception:
    made: Exception = kind(KEY, cause)
    return made


@pytest.mark.parametrize(
    ("error", "secure", "kind"),
    [
        (error_of(aiohttp.ClientConnectorDNSError, socket.gaierror(-2, "Name or service not known")), False, "dns"),
        (error_of(aiohttp.ClientConnectorError, ConnectionRefusedError(111, "refused")), True, "connect"),
        (error_of(aiohttp.ClientConnectorError, OSError(errno.EHOSTUNREACH, "no route")), False, "connect"),
        (error_of(aiohttp.ClientConnectorError, OSError(errno.EMFILE, "too many open files")), False, "connect"),
        (error_of(aiohttp.ClientConnectorError, OSError(errno.ETIMEDOUT, "timed out")), False, "connect_timeout"),
        (error_of(aiohttp.ClientConnectorError, ConnectionResetError(104, "reset")), False, "connect"),
        (error_of(aiohttp.ClientConnectorError, ConnectionResetError(104, "reset")), True, "tls"),
        (error_of(aiohttp.ClientConnectorCertificateError, ssl.CertificateError("self-signed")), True, "tls"),
        (error_of(aiohttp.ClientConnectorSSLError, ssl.SSLError(1, "wrong version number")), True, "tls"),
        (error_of(aiohttp.ClientProxyConnectionError, ConnectionRefusedError(111, "refused")), False, "connect"),
    ],
)
def test_its_errors_have_our_words(error: Exception, secure: bool, kind: str) -> None:
    failure = aiohttp_failure.failure_of(error, secure)
    assert failure.kind == kind and failure.message


def test_a_connection_idle_for_as_long_as_servers_bear_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aiohttp_client, "KEEP_ALIVE_S", 0.2)

    async def go(url: str) -> list[bool]:
        transport = AiohttpTransport(Target(url, "chat", True), SystemClock())
        reused = []
        for pause in (2 * PROOF_S, 0.3, 0):
            _, channel = await exchange(transport)
            reused.append(channel.reused)
            await asyncio.sleep(pause)
        await transport.close()
        return reused

    with ScriptedServer(in_turn(answer(BODY))) as server:
        assert asyncio.run(go(server.url)) == [False, True, False]


def test_one_read_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """aiohttp resumes its parser whenever a piece is taken; a stream of a thousand events would be parsed twice."""
    calls: list[int] = []
    received = aiohttp_client._Handler.data_received

    def counted(self: Any, data: bytes) -> None:
        calls.append(len(data))
        received(self, data)

    monkeypatch.setattr(aiohttp_client._Handler, "data_received", counted)

    async def go(url: str) -> Heard:
        transport = AiohttpTransport(Target(url, "chat", True), SystemClock())
        heard, _ = await exchange(transport)
        await transport.close()
        return heard

    with ScriptedServer(in_turn(answer(BODY, chunk="event", gap=0.01))) as server:
        heard = asyncio.run(go(server.url))
    assert heard.body == BODY
    assert all(calls), "no call without bytes"
    assert max(calls) <= aiohttp_client.READ_BYTES
