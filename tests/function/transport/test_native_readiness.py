"""Batches of what can be read, inside either loop."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest
import uvloop

from function.clock import SystemClock
from function.transport import native_readiness
from function.transport.native_readiness import Readiness
from function.transport.native_stamps import KernelStamps
from function.transport.port import Stamping

RUNS: list[Callable[..., Any]] = [asyncio.run, uvloop.run]
clock = SystemClock()


class Sampled(KernelStamps):
    """Says that the kernel stamps, or not, and counts the batches."""

    def __init__(self, kernel: bool = False) -> None:
        super().__init__(clock)
        self.kernel = kernel
        self.batches: list[int] = []

    @property
    def stamping(self) -> Stamping:
        return Stamping(self.kernel)

    def sample(self) -> None:
        super().sample()
        self.batches.append(0)


def pairs(count: int) -> list[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0), backlog=count) as listener:
        made = []
        for _ in range(count):
            mine = socket.create_connection(listener.getsockname())
            mine.setblocking(False)
            made.append((mine, listener.accept()[0]))
        return made


@pytest.mark.parametrize("run", RUNS)
def test_a_batch_is_bounded_and_loses_nothing(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native_readiness, "BATCH", 4)

    async def go() -> tuple[list[int], list[int]]:
        stamps = Sampled()
        readiness = Readiness(clock, stamps)
        read = []
        sockets = pairs(10)

        def ready_of(mine: socket.socket) -> Callable[[int], None]:
            def ready(events: int) -> None:
                stamps.batches[-1] += 1
                read.append(mine.recv(10)[0])

            return ready

        for number, (mine, peer) in enumerate(sockets):
            readiness.add(mine.fileno(), ready_of(mine))
            peer.send(bytes([number]))
        await asyncio.sleep(0.05)
        for mine, peer in sockets:
            readiness.remove(mine.fileno())
            mine.close()
            peer.close()
        readiness.close()
        readiness.close()
        return stamps.batches, read

    batches, read = run(go())
    assert sorted(read) == list(range(10))
    assert max(batches) <= 4


@pytest.mark.parametrize("run", RUNS)
def test_one_that_is_closed_by_another_of_its_batch_is_passed_over(run: Callable[..., Any]) -> None:
    async def go() -> list[int]:
        readiness = Readiness(clock, Sampled())
        sockets = pairs(2)
        called = []

        def ready(events: int) -> None:
            called.append(events)
            for mine, _ in sockets:
                readiness.remove(mine.fileno())
                mine.close()

        for mine, peer in sockets:
            readiness.add(mine.fileno(), ready)
            peer.send(b"x")
        await asyncio.sleep(0.03)
        for _, peer in sockets:
            peer.close()
        readiness.close()
        return called

    assert len(run(go())) == 1


@pytest.mark.parametrize("run", RUNS)
def test_a_reset_right_behind_bytes_is_heard(run: Callable[..., Any]) -> None:
    """uvloop's own add_reader hands over the bytes and never calls again."""

    async def go() -> list[object]:
        readiness = Readiness(clock, Sampled())
        ((mine, peer),) = pairs(1)
        heard: list[object] = []

        def ready(events: int) -> None:
            try:
                heard.append(mine.recv(10))
            except OSError as error:
                heard.append(type(error))
                readiness.remove(mine.fileno())

        readiness.add(mine.fileno(), ready)
        peer.send(b"x")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        await asyncio.sleep(0.03)
        mine.close()
        readiness.close()
        return heard

    assert run(go()) == [b"x", ConnectionResetError]


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("kernel", [True, False])
def test_while_reads_come_thick_and_are_stamped_they_are_made_together(
    run: Callable[..., Any], kernel: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native_readiness, "PAUSE_NS", 20_000_000)
    monkeypatch.setattr(native_readiness, "STREAK", 3)

    async def go() -> tuple[int, int, int]:
        stamps = Sampled(kernel)
        readiness = Readiness(clock, stamps)
        sockets = pairs(4)
        read: list[bytes] = []
        for mine, _ in sockets:
            readiness.add(mine.fileno(), lambda events, mine=mine: read.append(mine.recv(1 << 16)))
        for turn in range(400):
            sockets[turn % 4][1].send(b"x")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        while len(b"".join(read)) < 400:
            await asyncio.sleep(0.001)
        thick = len(stamps.batches)
        await asyncio.sleep(0.1)  # thin: three pauses bring nothing, and then it is watched again
        sent_ns = clock.now_ns()
        sockets[0][1].send(b"y")
        while read[-1] != b"y":
            await asyncio.sleep(0)
        waited_ns = clock.now_ns() - sent_ns
        for mine, peer in sockets:
            readiness.remove(mine.fileno())
            mine.close()
            peer.close()
        readiness.close()
        return thick, len(b"".join(read)), waited_ns

    thick, got, waited_ns = run(go())
    assert got == 401
    assert thick < 60 if kernel else thick > 150
    assert waited_ns < 10_000_000
