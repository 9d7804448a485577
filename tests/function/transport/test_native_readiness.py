"""Batches of what can be read, inside either loop."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest
import uvloop

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
        readiness = Readiness(asyncio.get_running_loop(), lambda: batches.append(0))
        read = []
        sockets = pairs(10)

        def ready_of(mine: socket.socket) -> Callable[[int], None]:
            def ready(events: int) -> None:
                batches[-1] += 1
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
        return batches, read

    batches, read = run(go())
    assert sorted(read) == list(range(10))
    assert max(batches) <= 4


@pytest.mark.parametrize("run", RUNS)
def test_one_that_is_closed_by_another_of_its_batch_is_passed_over(run: Callable[..., Any]) -> None:
    async def go() -> list[int]:
        readiness = Readiness(asyncio.get_running_loop(), lambda: None)
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
        readiness = Readiness(asyncio.get_running_loop(), lambda: None)
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
