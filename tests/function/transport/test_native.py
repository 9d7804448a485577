"""What is the native transport's own; the rest is in the suite that every transport passes."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import uvloop

from function.clock import SystemClock
from function.contract.spec import Target
from function.transport import native
from function.transport.keeping import PROOF_S
from function.transport.native import NativeTransport
from function.transport.port import TransportError
from tests.emulators.scripted_server import Request, ScriptedServer, Send, Step, answer, in_turn
from tests.suites.transports import BODY, Heard, exchange, post

MS = 1_000_000
RUNS: list[Callable[..., Any]] = [asyncio.run, uvloop.run]


def opened(url: str) -> NativeTransport:
    return NativeTransport(Target(url, "chat", True), SystemClock())


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.skipif(sys.platform != "linux", reason="Linux stamps")
def test_a_busy_loop_delays_no_stamp(run: Callable[..., Any]) -> None:
    requests: list[Request] = []

    def script(request: Request) -> Sequence[Step]:
        requests.append(request)
        return answer([b"a", b"b", b"c"], gap=0.1)

    async def go(url: str) -> tuple[Heard, bool]:
        transport = opened(url)
        heard = Heard()
        channel = await transport.acquire()
        await asyncio.sleep(0.05)  # a kernel that stamped for nobody yet takes a moment to begin
        channel.send(post(), heard)
        while not heard.over.done():
            time.sleep(0.06)  # the loop is away most of the time
            await asyncio.sleep(0.002)
        kernel = transport.stamping.kernel
        await transport.close()
        return heard, kernel

    with ScriptedServer(script) as server:
        heard, kernel = run(go(server.url))
    assert kernel
    written = [at for at, _ in requests[0].writes][1:4]
    late = [stamp - at for (stamp, _), at in zip(heard.pieces, written, strict=True)]
    assert all(-20_000 <= one < 20 * MS for one in late), late
    assert sorted(late)[1] < 2 * MS
    assert max(heard.lags) > 10 * MS, "the reads were late"


def test_a_connection_idle_for_as_long_as_servers_bear_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "KEEP_ALIVE_S", 0.2)

    async def go(url: str) -> list[bool]:
        transport = opened(url)
        reused = []
        for pause in (2 * PROOF_S, 0.3, 0):
            _, channel = await exchange(transport)
            reused.append(channel.reused)
            await asyncio.sleep(pause)
        await transport.close()
        return reused

    with ScriptedServer(in_turn(answer(BODY))) as server:
        assert asyncio.run(go(server.url)) == [False, True, False]


def test_the_pool_closes_what_has_grown_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "KEEP_ALIVE_S", 0.3)

    async def go(server: ScriptedServer) -> None:
        transport = opened(server.url)
        await transport.warm(5)
        assert server.wait_for(lambda: server.open_connections == 5)
        for _ in range(6):
            await exchange(transport)
            await asyncio.sleep(0.1)
        assert server.wait_for(lambda: server.open_connections == 1), "the one that went on serving"
        assert server.accepted == 5
        await transport.close()

    with ScriptedServer(in_turn(answer(BODY))) as server:
        asyncio.run(go(server))


@pytest.mark.parametrize("run", RUNS)
def test_many_exchanges_leave_neither_cycles_nor_descriptors(run: Callable[..., Any]) -> None:
    async def go(server: ScriptedServer) -> None:
        gc.collect()
        before = descriptors()
        transport = opened(server.url)
        await exchange(transport)
        gc.collect()
        gc.disable()
        try:
            for _ in range(40):
                await exchange(transport)
            await transport.close()
            del transport
            await asyncio.sleep(0)
            found = gc.collect()
        finally:
            gc.enable()
        assert found < 40, "less than one a request"
        assert server.wait_for(lambda: descriptors() <= before)

    steps = in_turn(answer(BODY), answer(BODY, te="close"), answer(BODY, headers=["Connection: close"]))
    with ScriptedServer(steps) as server:
        run(go(server))


@pytest.mark.parametrize("run", RUNS)
def test_closing_tells_who_waits_and_refuses_who_is_still_dialling(run: Callable[..., Any]) -> None:
    async def go(server: ScriptedServer) -> None:
        before = descriptors()
        transport = opened(server.url)
        heard = Heard()
        (await transport.acquire()).send(post(), heard)
        held = await transport.acquire()
        dialling = asyncio.ensure_future(transport.acquire())
        await asyncio.sleep(0)
        await transport.close()
        await transport.close()
        assert heard.failure is not None and heard.failure.kind == "connection_lost"
        with pytest.raises(TransportError):
            await dialling
        late = Heard()
        held.send(post(), late)
        assert late.failure is not None and late.failure.kind == "connection_lost", "told at once"
        held.close()
        assert server.wait_for(lambda: descriptors() <= before)

    with ScriptedServer(in_turn([])) as server:
        run(go(server))


@pytest.mark.parametrize("run", RUNS)
def test_a_request_larger_than_the_socket_takes_goes_out_whole(run: Callable[..., Any]) -> None:
    body = os.urandom(8 << 20)

    async def go(url: str) -> tuple[Heard, bool]:
        transport = opened(url)
        heard, _ = await exchange(transport, post(body))
        await asyncio.sleep(2 * PROOF_S)
        _, again = await exchange(transport)
        await transport.close()
        return heard, again.reused

    with ScriptedServer(in_turn(answer(BODY))) as server:
        heard, reused = run(go(server.url))
        assert (heard.body, reused) == (BODY, True)
        assert server.requests[0].body == body


def test_reads_of_one_stamp_come_one_after_the_other() -> None:
    """A sink numbers the events of a read in nanoseconds after its stamp: the next read must lie behind them."""
    body = b"data: x\n\n" * 30_000

    async def go(url: str) -> Heard:
        transport = opened(url)
        heard = Heard()
        (await transport.acquire()).send(post(), heard)
        time.sleep(0.1)  # all of it waits in the kernel
        await heard.until_over()
        await transport.close()
        return heard

    at_once = Send(b"".join(step.data for step in answer(body) if isinstance(step, Send)))
    with ScriptedServer(in_turn([at_once])) as server:
        heard = asyncio.run(go(server.url))
    assert heard.body == body and len(heard.pieces) > 10
    for (stamp, piece), (later, _) in pairwise(heard.pieces):
        assert later - stamp >= piece.count(b"\n\n")
    assert heard.ended_ns is not None and heard.ended_ns >= heard.pieces[-1][0]


def test_a_server_that_resets_while_the_request_is_written_is_lost_and_not_waited_for() -> None:
    async def go() -> Heard:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            transport = opened(f"http://127.0.0.1:{listener.getsockname()[1]}")
            channel = await transport.acquire()
            peer, _ = listener.accept()
            heard = Heard()
            channel.send(post(b"x" * (16 << 20)), heard)
            await asyncio.sleep(0.02)
            peer.close()  # with bytes unread, so it resets
            await heard.until_over()
            await transport.close()
            return heard

    heard = asyncio.run(go())
    assert heard.failure is not None and heard.failure.kind == "connection_lost"


def test_connecting_costs_no_name_for_an_address_and_one_for_a_name() -> None:
    async def go(port: int) -> tuple[Any, Any]:
        by_address, by_name = opened(f"http://127.0.0.1:{port}"), opened(f"http://localhost:{port}")
        found = await by_address.warm(1), await by_name.warm(2)
        await by_address.close()
        await by_name.close()
        return found

    if "127.0.0.1" not in Path("/etc/hosts").read_text():
        pytest.skip("localhost has no name here")
    with ScriptedServer(in_turn(answer(BODY))) as server:
        address, name = asyncio.run(go(server.port))
    assert address.dns_ns is None and address.connect_ns > 0
    assert name.dns_ns > 0 and (name.connections, name.failure) == (2, None)
