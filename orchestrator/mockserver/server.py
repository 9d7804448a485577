"""The mock server inside a running event loop: wires the parts, listens, and takes everything down again.

For the program's own process around it see `process`.
"""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from orchestrator.mockserver.config import MockConfig
from orchestrator.mockserver.connection import Connection
from orchestrator.mockserver.desk import Desk
from orchestrator.mockserver.engine import Engine
from orchestrator.mockserver.metrics import Meter
from orchestrator.mockserver.timer import Timer
from orchestrator.mockserver.truth import TruthLog

BACKLOG = 4096
MAX_TURNS = 100


class MockServer:
    """One server; start it once. It shares its loop's thread: what else runs there delays its tokens.

    `log` is where the truth log goes (None: nowhere); `port` 0 takes a free one. `url` is known after `start`.
    """

    def __init__(
        self,
        config: MockConfig | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        log: Path | None = None,
        log_bodies: bool = False,
    ) -> None:
        self.config = config or MockConfig()
        self.log = log
        self.url = ""
        self._host, self._port, self._log_bodies = host, port, log_bodies
        self._listener: asyncio.Server | None = None
        self._timer: Timer
        self._desk: Desk
        self._engine: Engine
        self._truth: TruthLog | None = None

    async def start(self) -> None:
        """Listens. Raises OSError when the address is taken or the log cannot be written."""
        loop = asyncio.get_running_loop()
        listening = _bound(self._host, self._port)
        try:
            self._truth = TruthLog(self.log, self._log_bodies) if self.log is not None else None
        except OSError:
            listening.close()
            raise
        self._timer = Timer(loop)
        engine = self._engine = Engine(self.config, self._timer, Meter(self.config.model))
        desk = self._desk = Desk(self.config, engine, self._truth)
        if self._truth is not None:
            self._truth.start(loop)
        self._listener = await loop.create_server(lambda: Connection(desk), sock=listening, backlog=BACKLOG)
        self.url = _url_of(listening)

    def idle(self) -> bool:
        """True when no completion is in the engine."""
        return self._engine.idle()

    async def stop(self) -> None:
        """Stops at once: what is in flight is recorded as open. Raises OSError when the log is not whole."""
        if self._listener is None:
            return
        listener, self._listener = self._listener, None
        listener.close()
        self._desk.shut()
        self._timer.close()
        # The loop takes aborted connections away in its next turns; none may be left when it is closed.
        for _ in range(MAX_TURNS):
            if not self._desk.open_connections():
                break
            await asyncio.sleep(0)
        if self._truth is not None:
            self._truth.close()


def _bound(host: str, port: int) -> socket.socket:
    """A socket on the first address of `host`: a name may have several, and port 0 must not give two ports."""
    family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
        0
    ]
    bound = socket.socket(family, kind, proto)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.setblocking(False)
    except OSError:
        bound.close()
        raise
    return bound


def _url_of(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
