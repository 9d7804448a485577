"""A streamed answer: one server-sent event a token, on an absolute schedule.

Token i is due at (start + TTFT) + i x ITL, whatever happened to the tokens before it. Between the rare steps (first
and last token, a fault, a change of kind) a step is one pre-rendered write; its stamp is taken just before.
"""

from __future__ import annotations

from orchestrator.mockserver import shapes
from orchestrator.mockserver.clock import boot_ns, ns
from orchestrator.mockserver.connection import head_of
from orchestrator.mockserver.exchange import Exchange
from orchestrator.mockserver.service import Service
from orchestrator.mockserver.shapes import WORDS, Shape

MID_STREAM = frozenset({"cut", "stall", "error_event", "malformed", "zombie"})
_CYCLE = len(WORDS)
_MASK = _CYCLE - 1
assert _CYCLE & _MASK == 0, "the cycle is indexed with a mask"


class Stream:
    """Faults of the middle strike when half of the tokens are written."""

    __slots__ = (
        "_ask",
        "_chunked",
        "_events",
        "_exchange",
        "_fault_step",
        "_itl",
        "_shape",
        "_step",
        "_stopped",
        "_turn",
        "_write",
        "_zombie_until",
        "token_ns",
    )

    def __init__(self, exchange: Exchange) -> None:
        self.token_ns: list[int] = []
        self._exchange, self._ask = exchange, exchange.ask
        self._write = exchange.connection.transport.write
        self._chunked = not exchange.request.http_1_0
        self._shape: Shape
        self._itl = 0
        self._events = [b""] * _CYCLE
        self._step = self._turn = 0
        self._fault_step = self._ask.tokens // 2 if exchange.request.fault in MID_STREAM else -1
        self._zombie_until: int | None = None
        self._stopped = False

    def head(self) -> None:
        request = self._exchange.request
        if not self._chunked:
            request.keep_alive = False
        more = b"transfer-encoding: chunked\r\n" if self._chunked else b""
        self._write(head_of(request, 200, b"text/event-stream; charset=utf-8", more))

    def begin(self, service: Service, shape: Shape, start: int) -> None:
        self._itl, self._shape = service.itl_ns, shape
        self._exchange.engine.timer.at(start + service.ttft_ns, self)

    def stop(self) -> None:
        self._stopped = True
        self._turn = self._step

    def fire(self, due: int) -> int:
        step = self._step
        if step == self._turn:
            return self._rare(due)
        self._step = step + 1
        self.token_ns.append(boot_ns())
        self._write(self._events[step & _MASK])
        return due + self._itl

    def _rare(self, due: int) -> int:
        if self._stopped:
            return 0
        if self._zombie_until is not None:
            return self._keep_alive(due, self._zombie_until)
        if self._step == self._fault_step:
            self._fault_step = -1
            again = self._strike(due)
            if again is not None:
                return again
        return self._rare_token(due)

    def _rare_token(self, due: int) -> int:
        step, shape = self._step, self._shape
        last = step == self._ask.tokens - 1
        pieces = [*(shape.opening() if step == 0 else ()), *shape.token(step), *(shape.closing() if last else ())]
        data = self._framed(pieces) + (b"0\r\n\r\n" if last and self._chunked else b"")
        self.token_ns.append(boot_ns())
        self._write(data)
        self._step = step + 1
        if last:
            self._exchange.end("done")
            return 0
        turn = shape.uniform_until(step + 1)
        self._turn = min(turn, self._fault_step) if self._fault_step > step else turn
        for following in range(step + 1, min(step + 1 + _CYCLE, self._turn)):
            self._events[following & _MASK] = self._framed(shape.token(following))
        return due + self._itl

    def _strike(self, due: int) -> int | None:
        """The fault of this request, now. None: go on with the token that is due."""
        exchange, config = self._exchange, self._exchange.engine.config
        fault = exchange.request.fault
        if fault == "malformed":
            self._write(self._framed([shapes.malformed_event(self._shape.answer_id)]))
            return None
        if fault == "stall":
            return due + ns(config.stall_s)
        if fault == "zombie":
            exchange.free_slot()
            self._zombie_until = due + ns(config.zombie_max_s)
            return self._keep_alive(due, self._zombie_until)
        if fault == "error_event":
            pieces = [shapes.error_event(500, "EngineCore encountered an issue."), shapes.DONE]
            self._write(self._framed(pieces) + (b"0\r\n\r\n" if self._chunked else b""))
        exchange.end("error_event" if fault == "error_event" else "cut")
        return 0

    def _keep_alive(self, due: int, until: int) -> int:
        if due >= until:
            self._exchange.end("zombie")
            return 0
        self._write(self._framed([shapes.KEEP_ALIVE]))
        self._turn = self._step
        return min(until, due + ns(self._exchange.engine.config.zombie_every_s))

    def _framed(self, pieces: list[bytes]) -> bytes:
        if not self._chunked:
            return b"".join(pieces)
        return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
