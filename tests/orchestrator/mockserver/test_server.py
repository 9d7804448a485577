"""The server inside a loop: either loop, either address family, and a clean end."""

from __future__ import annotations

import asyncio
import gc
import socket
from pathlib import Path

import pytest
import uvloop

from orchestrator.mockserver import Faults, MockConfig, MockServer, read_truth
from tests.emulators.plain_client import PlainClient, chat

FAST = MockConfig(ttft_s=0.01, itl_s=0.001)
LOOPS = [uvloop.new_event_loop, asyncio.new_event_loop]


@pytest.mark.parametrize("loop", LOOPS)
def test_it_serves_in_the_callers_loop_and_stops(loop: object, tmp_path: Path) -> None:
    log = tmp_path / "log"

    async def main() -> None:
        server = MockServer(FAST, log=log)
        await server.start()
        port = int(server.url.rpartition(":")[2])
        assert server.url == f"http://127.0.0.1:{port}"
        reply = await asyncio.to_thread(_ask, port)
        assert reply.complete and len(reply.chunks()) == 6
        await server.stop()
        await server.stop()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.to_thread(PlainClient, port)

    with asyncio.Runner(loop_factory=loop) as runner:  # type: ignore[arg-type]
        runner.run(main())
    assert [record.outcome for record in read_truth(log)] == ["done"]


def _ask(port: int) -> object:
    with PlainClient(port) as client:
        return client.post(chat(5))


def test_stopping_records_what_is_in_flight_as_open(tmp_path: Path) -> None:
    log = tmp_path / "log"

    async def main() -> None:
        server = MockServer(MockConfig(ttft_s=0.0, itl_s=0.01, slots=1), log=log)
        await server.start()
        port = int(server.url.rpartition(":")[2])
        clients = [PlainClient(port) for _ in range(4)]
        clients[0].send(chat(1000))
        await asyncio.sleep(0.05)
        clients[1].send(chat(1000))  # waits for the slot
        clients[2].send(chat(1000, stream=False))
        clients[3].raw(b"POST /v1/completions HTTP/1.1\r\ncontent-length: 10\r\n\r\n{")
        await asyncio.sleep(0.1)
        await server.stop()
        for client in clients:
            assert not client.read().complete
            client.sock.close()

    asyncio.run(main())
    records = sorted(read_truth(log), key=lambda record: record.arrival or 0)
    assert [record.outcome for record in records] == ["open"] * 4
    assert records[0].output_tokens == len(records[0].token_offset_ns) > 3
    assert [record.queue_ns for record in records[1:]] == [None] * 3
    assert records[3].arrival_ns is None


def test_finished_requests_leave_no_cycles_behind(tmp_path: Path) -> None:
    """The process collects no garbage under load, so requests and connections must go by themselves."""

    async def main() -> int:
        server = MockServer(
            MockConfig(ttft_s=0.0, itl_s=0.0, faults=Faults(cut=0.3, error_event=0.3)), log=tmp_path / "log"
        )
        await server.start()
        port = int(server.url.rpartition(":")[2])
        await asyncio.to_thread(_ask_often, port, 5)
        gc.collect()
        gc.disable()
        try:
            await asyncio.to_thread(_ask_often, port, 60)
            return gc.collect()
        finally:
            gc.enable()
            await server.stop()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(main()) < 20


def _ask_often(port: int, times: int) -> None:
    for k in range(times):
        with PlainClient(port) as client:
            client.post(chat(4, stream=k % 4 != 0))


def test_ipv6_and_names(tmp_path: Path) -> None:
    async def url_at(host: str) -> str:
        server = MockServer(FAST, host=host)
        await server.start()
        await server.stop()
        return server.url

    assert asyncio.run(url_at("::1")).startswith("http://[::1]:")
    assert asyncio.run(url_at("localhost")).startswith("http://")


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = MockServer(FAST, port=taken.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            asyncio.run(server.start())


def test_a_log_that_cannot_be_written_is_told_before_it_listens(tmp_path: Path) -> None:
    server = MockServer(FAST, log=tmp_path / "missing" / "log")
    with pytest.raises(FileNotFoundError):
        asyncio.run(server.start())
    asyncio.run(server.stop())
