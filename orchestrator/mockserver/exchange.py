"""One completion request on its way through the engine: queue, slot, answer, end; and what is recorded of it.

What all answers have in common. How bytes are written over time is the player's part (`stream`, `whole`); which request
gets here at all is the desk's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from orchestrator.mockserver.ask import Ask
from orchestrator.mockserver.clock import boot_ns
from orchestrator.mockserver.connection import Connection
from orchestrator.mockserver.draw import bits
from orchestrator.mockserver.metrics import Finished
from orchestrator.mockserver.request import Request
from orchestrator.mockserver.service import Service, service_for
from orchestrator.mockserver.shapes import Shape
from orchestrator.mockserver.stream import Stream
from orchestrator.mockserver.truth import TruthRecord
from orchestrator.mockserver.whole import Whole

if TYPE_CHECKING:
    from orchestrator.mockserver.desk import Desk

_REASONS = {"client_gone": "abort", "open": "abort", "cut": "error", "error_event": "error", "zombie": "error"}


class Player(Protocol):
    """Writes an answer. `token_ns` are the boot times of the tokens made so far, `written` how many were sent."""

    token_ns: list[int]

    def head(self) -> None:
        """The request was taken up: write what is written before there is a token."""

    def begin(self, service: Service, shape: Shape, start: int) -> None:
        """The request has its slot since this engine time."""

    def stop(self) -> None:
        """Write nothing more."""


class Exchange:
    """From taking a request up until its last byte. Calls desk.over exactly once."""

    def __init__(self, desk: Desk, connection: Connection, request: Request, ask: Ask) -> None:
        self.desk, self.connection, self.request, self.ask = desk, connection, request, ask
        self.cached_tokens = 0
        self.fault_step = ask.tokens // 2
        self.player: Player = Stream(self) if ask.stream else Whole(self)
        self._started: int | None = None
        self._over = False

    def begin(self, start: int) -> None:
        """It has its slot from this engine time on."""
        desk, ask = self.desk, self.ask
        self._started = boot_ns()
        self.cached_tokens = 0 if desk.prefix is None else desk.prefix.take(ask.prompt_words)
        desk.meter.admitted(ask.prompt_tokens, self.cached_tokens, desk.prefix is not None)
        share = self.cached_tokens / ask.prompt_tokens
        service = service_for(desk.config, self.request.key, desk.since_first_s(self._started), share)
        answer_id = f"{bits(desk.config.seed, self.request.key, 'answer'):016x}"
        shape = Shape(ask, desk.config, answer_id, self.request.arrival_wall // 1_000_000_000, self.cached_tokens)
        self.player.begin(service, shape, start)

    def free_slot(self) -> None:
        """The engine is done with it, though the connection may not be."""
        self.desk.leave(self)

    def end(self, outcome: str) -> None:
        """The answer's last byte is written (or the connection given up): record it, and free everything."""
        self._close(outcome)
        if outcome in ("cut", "zombie"):
            self.connection.drop()
        else:
            self.connection.finished(self.request)

    def client_gone(self) -> None:
        self._close("client_gone")

    def shut(self) -> None:
        """The server is shutting down."""
        self._close("open")

    def _close(self, outcome: str) -> None:
        if self._over:
            return
        self._over = True
        end = boot_ns()
        self.player.stop()
        desk, request = self.desk, self.request
        reason = _REASONS.get(outcome, self.ask.finish)
        over = Finished(reason, request.arrival_boot, self._started, self.player.token_ns, self.ask.choices)
        desk.meter.finished(self.ask.prompt_tokens, over)
        desk.record(request, self._record(outcome, end))
        desk.over(self)

    def _record(self, outcome: str, end: int) -> TruthRecord:
        request, ask, choices = self.request, self.ask, self.ask.choices
        arrival = request.arrival_boot
        offsets = [t - arrival for t in self.player.token_ns] if ask.stream else []
        if choices > 1:
            offsets = [offset for offset in offsets for _ in range(choices)]
        whole = ask.tokens * choices if outcome == "done" else 0
        return self.desk.blank_record(request, outcome, end)(
            stream=ask.stream,
            model=ask.model,
            prompt_tokens=ask.prompt_tokens,
            cached_tokens=self.cached_tokens,
            asked_tokens=ask.asked_tokens,
            output_tokens=len(offsets) if ask.stream else whole,
            queue_ns=None if self._started is None else max(0, self._started - request.ready_boot),
            token_offset_ns=offsets,
        )
