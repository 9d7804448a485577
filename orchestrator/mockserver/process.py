"""The mock server as a process of its own: loop, signals, the lifeline to whoever started it, and the word "ready".

The starter holds the writing end of a pipe. When that end closes, however the starter ended, the server serves on for
`linger_s` (what is in flight may finish) and exits by itself; SIGTERM and SIGINT end it at once.
"""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvloop

from orchestrator.mockserver.config import MockConfig
from orchestrator.mockserver.server import MockServer

COLLECT_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class Lifeline:
    """The reading end of the starter's pipe, and how long to serve on after it closed."""

    fd: int
    linger_s: float


def serve(
    config: MockConfig,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    log: Path | None = None,
    log_bodies: bool = False,
    on_ready: Callable[[str], None] = print,
    lifeline: Lifeline | None = None,
) -> None:
    """Serves until SIGTERM, SIGINT or the lifeline's end; call it from the main thread. `on_ready` gets the URL.

    `port` 0 takes a free one; `log` is the truth log's file. The seven are those of the command line.

    Raises OSError when the address is taken or the log could not be written whole.
    """
    server = MockServer(config, host=host, port=port, log=log, log_bodies=log_bodies)
    _allow_many_connections()
    with asyncio.Runner(loop_factory=_new_loop) as runner:
        runner.run(_serve(server, on_ready, lifeline))


async def _serve(server: MockServer, on_ready: Callable[[str], None], lifeline: Lifeline | None) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    await server.start()
    try:
        if lifeline is not None:
            _hold(lifeline, loop, ended)
        _collect_when_idle(server, loop)
        on_ready(server.url)
        await ended.wait()
    finally:
        await server.stop()


def _collect_when_idle(server: MockServer, loop: asyncio.AbstractEventLoop) -> None:
    """Collections stop the server for milliseconds under load, and finished requests leave no cycles: so none then."""
    gc.disable()
    if server.idle():
        gc.collect()
    loop.call_later(COLLECT_EVERY_S, _collect_when_idle, server, loop)


def _hold(lifeline: Lifeline, loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    def readable() -> None:
        if os.read(lifeline.fd, 4096) == b"":
            loop.remove_reader(lifeline.fd)
            loop.call_later(lifeline.linger_s, ended.set)

    loop.add_reader(lifeline.fd, readable)


def _new_loop() -> asyncio.AbstractEventLoop:
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


def _allow_many_connections() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
