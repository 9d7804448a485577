"""Batches of what can be read, inside either loop."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

import pytest
import uvloop

from function.clock import SystemClock
from function.transport import native_readiness
from function.transport.native_readiness import Readiness

RUNS: list[Callable[..., Any]] = [asyncio.run, uvloop.run]


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
        batches: list[int] = []
        readiness = Readiness(asyncio.get_running_loop(), SystemClock(), lambda: batches.append(0))
        read = []
        sockets = pairs(10)

        def ready_of(mine: socket.socket) -> Callable[[int], bool]:
            def ready(events: int) -> bool:
                batches[-1] += 1
                read.append(mine.recv(10)[0])
                return True

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
        return batches, read

    batches, read = run(go())
    assert sorted(read) == list(range(10))
    assert max(batches) <= 4


@pytest.mark.parametrize("run", RUNS)
def test_one_that_is_closed_by_another_of_its_batch_is_passed_over(run: Callable[..., Any]) -> None:
    async def go() -> list[int]:
        readiness = Readiness(asyncio.get_running_loop(), SystemClock(), lambda: None)
        sockets = pairs(2)
        called = []

        def ready(events: int) -> bool:
            called.append(events)
            for mine, _ in sockets:
                readiness.remove(mine.fileno())
                mine.close()
            return False

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
        readiness = Readiness(asyncio.get_running_loop(), SystemClock(), lambda: None)
        ((mine, peer),) = pairs(1)
        heard: list[object] = []

        def ready(events: int) -> bool:
            try:
                heard.append(mine.recv(10))
            except OSError as error:
                heard.append(type(error))
                readiness.remove(mine.fileno())
            return False

        readiness.add(mine.fileno(), ready)
        peer.send(b"x")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        await asyncio.sleep(0.03)
        mine.close()
        readiness.close()
        return heard

    assert run(go()) == [b"x", ConnectionResetError]


class Heeded:
    """function.alarm.Alarm, which rings every `every_ns`."""

    def __init__(self, clock: SystemClock, every_ns: int) -> None:
        self.clock, self.every_ns, self.rings = clock, every_ns, 0
        self.due_ns = clock.now_ns() + every_ns

    def ring(self) -> None:
        self.rings += 1
        self.due_ns = self.clock.now_ns() + self.every_ns

    def set(self, due_ns: int) -> None: ...

    def close(self) -> None: ...


@pytest.mark.parametrize("run", RUNS)
def test_what_is_due_does_not_wait_for_the_end_of_a_batch(run: Callable[..., Any]) -> None:
    async def go() -> list[int]:
        clock = SystemClock()
        readiness = Readiness(asyncio.get_running_loop(), clock, lambda: None)
        readiness.alarm = alarm = Heeded(clock, 1_000)
        rings: list[int] = []
        sockets = pairs(native_readiness.STRETCH * 4)

        def ready_of(mine: socket.socket) -> Callable[[int], bool]:
            def ready(events: int) -> bool:
                mine.recv(10)
                time.sleep(0.0001)
                rings.append(alarm.rings)
                return True

            return ready

        for mine, peer in sockets:
            readiness.add(mine.fileno(), ready_of(mine))
            peer.send(b"x")
        await asyncio.sleep(0.05)
        for mine, peer in sockets:
            readiness.remove(mine.fileno())
            mine.close()
            peer.close()
        readiness.close()
        return rings

    rings = run(go())
    assert rings[-1] - rings[0] >= 3, "once for each stretch of reads"


@pytest.mark.parametrize(("calm", "due_s", "pauses"), [(True, 60, True), (False, 60, False), (True, 0, False)])
def test_reads_gather_where_nobody_waits_and_nothing_is_due(
    calm: bool, due_s: int, pauses: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(native_readiness.time, "sleep", slept.append)

    async def go() -> None:
        clock = SystemClock()
        readiness = Readiness(asyncio.get_running_loop(), clock, lambda: None)
        readiness.alarm = Heeded(clock, due_s * 10**9)
        ((mine, peer),) = pairs(1)
        readiness.add(mine.fileno(), lambda events: bool(mine.recv(10)) and calm)
        peer.send(b"x")
        await asyncio.sleep(0.02)
        readiness.remove(mine.fileno())
        mine.close()
        peer.close()
        readiness.close()

    asyncio.run(go())
    assert bool(slept) is pauses
    assert all(one <= native_readiness.PAUSE_S for one in slept)
