"""Endpoint manners: IPv6, self-signed certificates, proxies in the environment, model detection with a key."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.harness import MEASURED, benchctl, config, launch, write_config
from tests.e2e.served import served
from tests.emulators.certificates import Authority, Signed
from tests.emulators.mock import running_mock

DEAD_PROXY = "http://127.0.0.1:9"


@contextmanager
def tls_in_front(url: str, signed: Signed) -> Iterator[str]:
    """A TLS end that passes bytes on to `url`; the URL it answers on."""
    host, port = url.removeprefix("http://").split(":")
    context = signed.server_context()
    loop = asyncio.new_event_loop()

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        except OSError:
            pass
        finally:
            sink.close()

    async def passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(host, int(port))
        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))

    server = loop.run_until_complete(asyncio.start_server(passed_on, "127.0.0.1", 0, ssl=context))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()


def test_loopback_is_asked_directly_whatever_the_proxy_variables_say(tmp_path: Path) -> None:
    env = dict.fromkeys(("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"), DEAD_PROXY)
    env |= {"NO_PROXY": "", "no_proxy": ""}
    with running_mock({"ttft_s": 0.01, "itl_s": 0.001}) as mock:
        path = write_config(tmp_path, config(mock.url, [{"rate": 4, "duration": 1}]))
        ended = benchctl(tmp_path, "launch", path, "--json", "--yes", env=env)
    assert ended.result["ledger"]["ok"] == 4, ended.stderr


def test_the_model_is_asked_for_with_the_key(tmp_path: Path) -> None:
    with running_mock({"ttft_s": 0.01, "itl_s": 0.001, "api_key": "k"}, log_bodies=True) as mock:
        settings = config(mock.url, [{"rate": 2, "duration": 1}])
        settings["server"] = {"type": "vllm", "base_url": mock.url, "api_key": "k"}
        ended = launch(tmp_path, settings)
        bodies = [one.body or "" for one in served(mock, ended.result["run_id"])]
    assert ended.result["ledger"]["ok"] == 2
    assert all('"model":"mock-model"' in body.replace(" ", "") for body in bodies)


def test_a_self_signed_certificate_is_refused_by_name_before_go_and_taken_with_its_ca(
    tmp_path: Path,
) -> None:
    authority = Authority(tmp_path)
    with (
        running_mock({"ttft_s": 0.01, "itl_s": 0.001}) as mock,
        tls_in_front(mock.url, authority.sign("localhost", "127.0.0.1")) as url,
    ):
        settings = config(url, [{"rate": 4, "duration": 1}])
        refused = launch(tmp_path / "refused", settings)
        assert refused.exit_code == 2
        assert "certificate" in refused.envelope["error"]["message"]
        assert mock.completions() == []
        settings["server"]["ca_file"] = str(authority.file)
        taken = launch(tmp_path / "taken", settings)
    assert taken.exit_code in MEASURED, taken.stdout + taken.stderr
    assert taken.result["ledger"]["ok"] == 4


def test_an_ipv6_endpoint(tmp_path: Path) -> None:
    import socket

    if not socket.has_ipv6 or not Path("/proc/net/if_inet6").exists():
        pytest.skip("this machine has no IPv6 loopback")
    with running_mock({"ttft_s": 0.01, "itl_s": 0.001}, host="::1") as mock:
        ended = launch(tmp_path, config(mock.url, [{"rate": 4, "duration": 1}]))
    assert ended.result["ledger"]["ok"] == 4, ended.stderr
