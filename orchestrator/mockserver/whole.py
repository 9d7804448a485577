"""An answer that is not streamed: nothing until TTFT + (tokens - 1) x ITL, then one JSON object with its usage.

The faults of a stream's middle have a counterpart each: `cut` sends half of the body, `malformed` a body that ends too
early (and says so in its length), `error_event` a 500, `stall` comes later, `zombie` never answers.
"""

from __future__ import annotations

from orchestrator.mockserver import shapes
from orchestrator.mockserver.clock import boot_ns, ns
from orchestrator.mockserver.connection import head_of
from orchestrator.mockserver.exchange import Exchange
from orchestrator.mockserver.service import Service
from orchestrator.mockserver.shapes import Shape

_JSON = b"application/json"


class Whole:
    """Token times are those at which an engine makes the tokens; nothing of them is seen on the wire."""

    __slots__ = ("_exchange", "_fault", "_itl", "_shape", "_stopped", "_stuck", "token_ns")

    def __init__(self, exchange: Exchange) -> None:
        self.token_ns: list[int] = []
        self._exchange = exchange
        self._fault = exchange.request.fault
        self._shape: Shape
        self._itl = 0
        self._stopped = self._stuck = False

    def head(self) -> None:
        """Nothing: the head comes with the body."""

    def begin(self, service: Service, shape: Shape, start: int) -> None:
        tokens, config = self._exchange.ask.tokens, self._exchange.engine.config
        self._itl, self._shape = service.itl_ns, shape
        steps = tokens // 2 if self._fault in ("cut", "error_event", "zombie") else tokens - 1
        extra = ns(config.stall_s) if self._fault == "stall" else 0
        self._exchange.engine.timer.at(start + service.ttft_ns + steps * service.itl_ns + extra, self)

    def stop(self) -> None:
        self._stopped = True

    def fire(self, due: int) -> int:
        if self._stopped:
            return 0
        exchange = self._exchange
        if self._fault == "zombie":
            return self._zombie(due)
        if self._fault == "error_event":
            body = shapes.error_body(500, "EngineCore encountered an issue.", "InternalServerError")
            exchange.connection.reply(exchange.request, 500, body, _JSON)
            exchange.end("error_event")
            return 0
        body = self._shape.whole()
        if self._fault == "cut":
            length = b"content-length: %d\r\n" % len(body)
            exchange.connection.transport.write(head_of(exchange.request, 200, _JSON, length) + body[: len(body) // 2])
            exchange.end("cut")
            return 0
        last, now = exchange.ask.tokens - 1, boot_ns()
        self.token_ns = [now - (last - step) * self._itl for step in range(last + 1)]
        exchange.connection.reply(
            exchange.request, 200, body[: len(body) // 2] if self._fault == "malformed" else body, _JSON
        )
        exchange.end("done")
        return 0

    def _zombie(self, due: int) -> int:
        if self._stuck:
            self._exchange.end("zombie")
            return 0
        self._stuck = True
        self._exchange.free_slot()
        return due + ns(self._exchange.engine.config.zombie_max_s)
