"""Takes requests in: route, key, faults that refuse; completions go on into the engine as exchanges.

The only place that knows paths and status codes. Any prefix may stand before /v1 (as behind a gateway), except one that
ends in /v1 itself: a doubled /v1 is the mistake a real server answers with 404.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.mockserver import shapes
from orchestrator.mockserver.ask import Ask, AskError, read_chat, read_completion
from orchestrator.mockserver.clock import boot_ns, ns
from orchestrator.mockserver.config import MockConfig
from orchestrator.mockserver.connection import Connection
from orchestrator.mockserver.draw import fault_for
from orchestrator.mockserver.engine import Engine
from orchestrator.mockserver.exchange import Exchange
from orchestrator.mockserver.request import Request
from orchestrator.mockserver.stream import Stream
from orchestrator.mockserver.timer import Once
from orchestrator.mockserver.truth import NO_ANSWER, AnswerPart, TruthLog, record_of
from orchestrator.mockserver.whole import Whole

_V1 = re.compile(r"(?:/[^/]+)*?(?<!/v1)(/v1/(?:chat/completions|completions|models))")
_CHAT, _COMPLETIONS, _MODELS = "/v1/chat/completions", "/v1/completions", "/v1/models"
_ALLOWED = {
    _CHAT: ("POST",),
    _COMPLETIONS: ("POST",),
    _MODELS: ("GET", "HEAD"),
    "/metrics": ("GET", "HEAD"),
    "/health": ("GET", "HEAD"),
}
_JSON, _TEXT = b"application/json", b"text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer with vLLM's error object; `more` is further header lines."""

    status: int
    message: str
    kind: str
    param: str | None = None
    more: bytes = b""


_FAULT_REFUSALS = {
    "http_500": Refusal(500, "EngineCore encountered an issue.", "InternalServerError"),
    "http_429": Refusal(429, "Rate limit reached.", "RateLimitError", more=b"retry-after: 1\r\n"),
    "http_503": Refusal(503, "The server is overloaded.", "ServiceUnavailableError"),
}
_READERS: dict[str, Callable[[bytes, MockConfig], Ask]] = {_CHAT: read_chat, _COMPLETIONS: read_completion}


def route_of(path: str) -> str:
    """The route of a path: one of the keys above, or "" where there is none."""
    if path in ("/metrics", "/health"):
        return path
    found = _V1.fullmatch(path)
    return found.group(1) if found else ""


class Desk:
    """One per server. It also keeps the open connections, which are numbered from 0."""

    def __init__(self, config: MockConfig, engine: Engine, log: TruthLog | None) -> None:
        self._config, self._engine, self._log = config, engine, log
        self._connections: set[Connection] = set()
        self._opened = self._arrivals = 0
        self._started = int(time.time())
        self._bearer = None if config.api_key is None else f"Bearer {config.api_key}".encode()

    # ---- what connections call

    def opened(self, connection: Connection) -> int:
        self._connections.add(connection)
        self._opened += 1
        return self._opened - 1

    def closed(self, connection: Connection) -> None:
        self._connections.discard(connection)

    def head_complete(self, connection: Connection, request: Request) -> None:
        request.route = route_of(request.path)
        if request.method != "POST" or request.route not in _READERS:
            return
        request.number = self._arrivals
        self._arrivals += 1
        if not self._authorised(request):
            return
        request.fault = fault_for(self._config.faults, self._config.seed, request.key)
        if request.fault == "slow_accept":
            now, delay = boot_ns(), ns(self._config.slow_accept_s)
            request.ready_boot = now + delay
            connection.hold()
            self._engine.timer.at(self._engine.timer.engine(now) + delay, Once(connection.release))

    def paused(self, connection: Connection) -> bool:
        timer = self._engine.timer
        if not timer.held():
            return False
        timer.at(timer.engine(boot_ns()), Once(connection.advance))
        return True

    def take(self, connection: Connection, request: Request) -> None:
        route, method = request.route, request.method
        if method == "OPTIONS":
            allowed = ", ".join(_ALLOWED.get(route, ())).encode()
            self._reply(connection, request, 200, b"", _JSON, b"allow: %b\r\n" % allowed)
        elif route == "":
            self._refuse(connection, request, Refusal(404, f"Not Found: {request.path}", "NotFoundError"))
        elif not self._authorised(request):
            body = shapes.unauthorised_body(given=b"authorization" in request.headers)
            self._reply(connection, request, 401, body, _JSON)
        elif method not in _ALLOWED[route]:
            more = b"allow: %b\r\n" % ", ".join(_ALLOWED[route]).encode()
            refusal = Refusal(405, "Method Not Allowed", "MethodNotAllowedError", more=more)
            self._refuse(connection, request, refusal)
        elif route in _READERS:
            self._complete(connection, request)
        else:
            self._look_up(connection, request)

    def refuse(self, connection: Connection, request: Request, status: int, message: str) -> None:
        self._refuse(connection, request, Refusal(status, message, "BadRequestError"))

    def abandoned(self, request: Request) -> None:
        self.record(request, "client_gone" if request.arrival_boot else "incomplete")

    # ---- what the server calls

    def shut(self) -> None:
        """Records everything in flight as open and closes all connections at once."""
        self._engine.stop()
        for connection in list(self._connections):
            for request in connection.shut():
                self.record(request, "open")

    def open_connections(self) -> int:
        return len(self._connections)

    def record(self, request: Request, outcome: str, part: AnswerPart = NO_ANSWER) -> None:
        if self._log is not None:
            self._log.add(record_of(request, outcome, boot_ns(), part), request.body)

    # ---- inside

    def _authorised(self, request: Request) -> bool:
        guarded = self._bearer is not None and request.route.startswith("/v1/")
        return not guarded or request.headers.get(b"authorization") == self._bearer

    def _complete(self, connection: Connection, request: Request) -> None:
        self._engine.arrived(request.arrival_boot)
        if request.fault in _FAULT_REFUSALS:
            self._refuse(connection, request, _FAULT_REFUSALS[request.fault])
            return
        try:
            ask = _READERS[request.route](request.body, self._config)
        except AskError as error:
            self._refuse(connection, request, Refusal(400, error.message, "BadRequestError", error.param))
            return
        exchange = Exchange(self._engine, connection, request, ask, self.record)
        exchange.enter(Stream(exchange) if ask.stream else Whole(exchange))

    def _look_up(self, connection: Connection, request: Request) -> None:
        if request.route == _MODELS:
            self._reply(connection, request, 200, shapes.models_body(self._config, self._started), _JSON)
        elif request.route == "/health":
            self._reply(connection, request, 200, b"", _JSON)
        else:
            text = self._engine.meter.render(self._engine.now())
            self._reply(connection, request, 200, text.encode(), _TEXT)

    def _refuse(self, connection: Connection, request: Request, refusal: Refusal) -> None:
        body = shapes.error_body(refusal.status, refusal.message, refusal.kind, refusal.param)
        self._reply(connection, request, refusal.status, body, _JSON, refusal.more)

    def _reply(
        self, connection: Connection, request: Request, status: int, body: bytes, kind: bytes, more: bytes = b""
    ) -> None:
        self._engine.meter.answered(request.method, request.route, status)
        connection.reply(request, status, body, kind, more)
        self.record(request, "done" if status < 400 else "refused")
        connection.finished(request)
