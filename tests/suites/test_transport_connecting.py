"""How connections are had: addresses, limits, TLS, proxies. For each transport and loop."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import socket
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from function.transport.port import Failure, TransportError
from tests.emulators.certificates import Authority
from tests.emulators.scripted_server import ScriptedServer, answer, in_turn
from tests.suites.transports import (
    BODY,
    Heard,
    Opener,
    Run,
    deaf_listener,
    exchange,
    free_port,
    opener_of,
    post,
    proven,
    refused,
    tunnel_to,
)


def open_sockets() -> int:
    gc.collect()
    links = (Path("/proc/self/fd", number) for number in os.listdir("/proc/self/fd"))
    return sum(link.is_symlink() and os.readlink(link).startswith("socket:") for link in links)


class TestConnecting:
    def test_nobody_listens(self, run: Run, opened: Opener) -> None:
        assert refused(run, opened, f"http://127.0.0.1:{free_port()}").kind == "connect"

    def test_no_such_name(self, opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
        def fails(*_: object, **__: object) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", fails)  # uvloop has a resolver of its own
        assert refused(asyncio.run, opened, "http://model.invalid").kind == "dns"

    def test_no_file_descriptors_left(self, run: Run, opened: Opener) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

        async def go(url: str) -> Failure:
            async with opened(url) as transport:
                await exchange(transport)
                held = [await transport.acquire()]
                free = next(number for number in range(hard) if not os.path.exists(f"/proc/self/fd/{number}"))
                resource.setrlimit(resource.RLIMIT_NOFILE, (free + 4, hard))
                try:
                    with pytest.raises(TransportError) as refusal:
                        for _ in range(200):
                            held.append(await transport.acquire())
                finally:
                    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
                for channel in held:
                    channel.close()
                return refusal.value.failure

        with ScriptedServer(in_turn(answer(BODY))) as server:
            failure = run(go(server.url))
        assert failure.kind == "connect" and "ulimit" in failure.message

    def test_ipv6(self, run: Run, opened: Opener) -> None:
        if not socket.has_ipv6 or not Path("/proc/net/if_inet6").exists():
            pytest.skip("this machine has no IPv6")

        async def go(url: str) -> Heard:
            async with opened(url) as transport:
                return (await exchange(transport))[0]

        with ScriptedServer(in_turn(answer(BODY)), host="::1") as server:
            assert run(go(server.url)).body == BODY

    def test_warming_opens_and_sends_nothing(self, run: Run, opened: Opener) -> None:
        async def go(server: ScriptedServer) -> None:
            async with opened(server.url) as transport:
                warm = await transport.warm(3)
                assert (warm.connections, warm.failure, warm.dns_ns, warm.tls_ns) == (3, None, None, None)
                assert warm.connect_ns is not None and 0 < warm.connect_ns < 5_000_000_000
                assert server.wait_for(lambda: server.accepted == 3)
                _, channel = await proven(transport)
                assert channel.reused
                assert (await transport.warm(3)).connections == 3
                assert (server.accepted, len(server.requests)) == (3, 1)

        with ScriptedServer(in_turn(answer(BODY))) as server:
            run(go(server))

    def test_cancelling_and_closing_leave_no_socket(self, run: Run, opened: Opener) -> None:
        async def go(url: str, deaf: str) -> None:
            before = open_sockets()
            async with opened(url) as transport:
                waiting = [asyncio.create_task(exchange(transport)) for _ in range(5)]
                heard = Heard()
                channel = await transport.acquire()
                channel.send(post(), heard)
                await asyncio.sleep(0.05)
                for task in waiting[:3]:
                    task.cancel()
                channel.close()
            ended = await asyncio.gather(*waiting, return_exceptions=True)
            assert [isinstance(one, asyncio.CancelledError) for one in ended] == [True] * 3 + [False] * 2
            told = [one[0].failure for one in ended if isinstance(one, tuple)]
            assert [failure.kind for failure in told] == ["connection_lost"] * 2
            async with opened(deaf) as transport:
                for _ in range(3):
                    with pytest.raises(TimeoutError):
                        await asyncio.wait_for(transport.acquire(), 0.05)
            await asyncio.sleep(0.1)
            assert open_sockets() <= before

        with ScriptedServer(in_turn([])) as server, deaf_listener() as port:
            run(go(server.url, f"http://127.0.0.1:{port}"))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


class TestTls:
    def reached(self, run: Run, opened: Opener, url: str, **target: Any) -> Heard:
        async def go() -> Heard:
            async with opened(url, **target) as transport:
                warm = await transport.warm(1)
                assert warm.failure is None and warm.tls_ns is not None and warm.tls_ns > 0
                return (await exchange(transport))[0]

        heard: Heard = run(go())
        return heard

    def test_a_ca_file_is_believed(self, run: Run, opened: Opener, authority: Authority) -> None:
        with ScriptedServer(in_turn(answer(BODY)), tls=authority.sign("127.0.0.1").server_context()) as server:
            assert self.reached(run, opened, server.url, ca_file=str(authority.file)).body == BODY

    def test_a_body_that_ends_with_the_connection(self, run: Run, opened: Opener, authority: Authority) -> None:
        with ScriptedServer(
            in_turn(answer(BODY, te="close")), tls=authority.sign("127.0.0.1").server_context()
        ) as server:
            assert self.reached(run, opened, server.url, ca_file=str(authority.file)).body == BODY

    def test_what_cannot_be_believed_is_a_tls_failure(self, run: Run, opened: Opener, authority: Authority) -> None:
        with ScriptedServer(in_turn(answer(BODY)), tls=authority.sign("127.0.0.1").server_context()) as server:
            assert refused(run, opened, server.url).kind == "tls"
        with ScriptedServer(in_turn(answer(BODY)), tls=authority.sign("other.test").server_context()) as server:
            assert refused(run, opened, server.url, ca_file=str(authority.file)).kind == "tls"

    @pytest.mark.parametrize("reply", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
    def test_a_server_that_speaks_no_tls_is_a_tls_failure(self, run: Run, opened: Opener, reply: bytes) -> None:
        def hang_up(listener: socket.socket) -> None:
            for _ in range(3):
                connection, _ = listener.accept()
                connection.recv(100)
                connection.sendall(reply)
                connection.close()

        with socket.create_server(("127.0.0.1", 0)) as listener:
            threading.Thread(target=hang_up, args=(listener,), daemon=True).start()
            url = f"https://127.0.0.1:{listener.getsockname()[1]}"
            assert refused(run, opened, url).kind == "tls"

    def test_a_client_certificate_is_shown(self, run: Run, opened: Opener, authority: Authority) -> None:
        mine = authority.sign("worker.test")
        context = authority.sign("127.0.0.1").server_context(clients=authority.file)
        with ScriptedServer(in_turn(answer(BODY)), tls=context) as server:
            files = {"ca_file": str(authority.file), "cert_path": str(mine.cert), "key_path": str(mine.key)}
            assert self.reached(run, opened, server.url, **files).body == BODY


class TestProxies:
    @pytest.fixture(params=["auto", "aiohttp"])
    def opened(self, request: pytest.FixtureRequest) -> Opener:
        """Those that serve behind a proxy."""
        return opener_of(request.param)

    @pytest.fixture(autouse=True)
    def no_proxies(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.upper(), raising=False)

    def test_plain_http_is_asked_of_the_proxy_by_its_whole_address(
        self, run: Run, opened: Opener, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def go() -> tuple[str, Mapping[str, str], Heard]:
            async with opened("http://model.test:8000/team") as transport:
                heard = (await exchange(transport, post(path=transport.absolute_form + "/team/v1")))[0]
                return transport.absolute_form, transport.proxy_headers, heard

        with ScriptedServer(in_turn(answer(BODY))) as proxy:
            monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("http://", "http://user:pass@"))
            form, headers, heard = run(go())
            assert (form, headers) == ("http://model.test:8000", {"Proxy-Authorization": "Basic dXNlcjpwYXNz"})
            assert heard.body == BODY
            assert proxy.requests[0].line == "POST http://model.test:8000/team/v1 HTTP/1.1"

    def test_https_goes_through_a_tunnel(
        self, run: Run, opened: Opener, authority: Authority, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def go() -> tuple[Heard, bool]:
            async with opened("https://model.test", ca_file=str(authority.file)) as transport:
                assert transport.absolute_form == "" and not transport.proxy_headers
                await proven(transport)
                heard, channel = await exchange(transport)
                return heard, channel.reused

        tls = authority.sign("model.test").server_context()
        with ScriptedServer(in_turn(answer(BODY)), tls=tls) as server, tunnel_to(server.port) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
            heard, reused = run(go())
            assert (heard.body, reused) == (BODY, True)
            assert proxy.asked == [b"CONNECT model.test:443 HTTP/1.1"]

    def test_loopback_and_exceptions_are_asked_directly(
        self, run: Run, opened: Opener, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def go(url: str) -> Heard:
            async with opened(url) as transport:
                assert transport.absolute_form == ""
                return (await exchange(transport))[0]

        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
        with ScriptedServer(in_turn(answer(BODY))) as server:
            assert run(go(server.url)).body == BODY
