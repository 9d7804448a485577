"""One completion request on its way through the engine: queue, slot, answer, end; and what is recorded of it.

What all answers have in common. How bytes are written over time is the player's part (`stream`, `whole`); which request
gets here at all is the desk's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from orchestrator.mockserver.ask import Ask
from orchestrator.mockserver.clock import boot_ns
from orchestrator.mockserver.connection import Connection
from orchestrator.mockserver.draw import bits
from orchestrator.mockserver.engine import Engine
from orchestrator.mockserver.metrics import Finished
from orchestrator.mockserver.request import Request
from orchestrator.mockserver.service import Service, service_for
from orchestrator.mockserver.shapes import Shape
from orchestrator.mockserver.truth import AnswerPart

_REASONS = {"client_gone": "abort", "open": "abort", "cut": "error", "error_event": "error", "zombie": "error"}


class Player(Protocol):
    """Writes an answer. `token_ns` are the boot times of the tokens made so far; each is one token of every choice."""

    token_ns: list[int]

    def head(self) -> None:
        """The request was taken up: write what is written before there is a token."""

    def begin(self, service: Service, shape: Shape, start: int) -> None:
        """The request has its slot since this engine time."""

    def stop(self) -> None:
        """Write nothing more."""


class Exchange:
    """From taking a request up until its last byte. `record` is called exactly once, with (request, outcome, part)."""

    def __init__(
        self,
        engine: Engine,
        connection: Connection,
        request: Request,
        ask: Ask,
        record: Callable[[Request, str, AnswerPart], None],
    ) -> None:
        self.engine, self.connection, self.request, self.ask = engine, connection, request, ask
        self.player: Player
        self._record = record
        self._cached_tokens = 0
        self._started: int | None = None
        self._over = False

    def enter(self, player: Player) -> None:
        """Into the queue, or straight into a slot."""
        self.player = player
        self.connection.answering = self
        player.head()
        self.engine.enter(self, self.engine.timer.engine(self.request.ready_boot))

    def begin(self, start: int) -> None:
        """It has its slot from this engine time on."""
        engine, ask, request = self.engine, self.ask, self.request
        self._started = boot_ns() if start > engine.timer.engine(request.ready_boot) else request.ready_boot
        self._cached_tokens = engine.compute_prompt(ask)
        share = self._cached_tokens / ask.prompt_tokens
        service = service_for(engine.config, request.key, engine.since_first_s(self._started), share)
        answer_id = f"{bits(engine.config.seed, request.key, 'answer'):016x}"
        created = request.arrival_wall // 1_000_000_000
        self.player.begin(service, Shape(ask, engine.config, answer_id, created, self._cached_tokens), start)

    def tokens_made(self) -> int:
        return len(self.player.token_ns) * self.ask.choices

    def free_slot(self) -> None:
        """The engine is done with it, though the connection may not be."""
        self.engine.leave(self)

    def end(self, outcome: str) -> None:
        """The answer's last byte is written, or the server gives the connection up: record it and free everything."""
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
        self.player.stop()
        self._record(self.request, outcome, self._part(outcome))
        reason = _REASONS.get(outcome, self.ask.finish)
        over = Finished(reason, self.request.ready_boot, self._started, self.player.token_ns, self.ask.choices)
        self.engine.meter.finished(self.ask.prompt_tokens, over)
        if self.request.status is not None:
            self.engine.meter.answered(self.request.method, self.request.route, self.request.status)
        self.engine.leave(self)
        # Exchange and player hold each other; untied they go at once, without waiting for a collection.
        del self.player

    def _part(self, outcome: str) -> AnswerPart:
        ask, arrival = self.ask, self.request.arrival_boot
        offsets = [t - arrival for t in self.player.token_ns] if ask.stream else []
        if ask.choices > 1:
            offsets = [offset for offset in offsets for _ in range(ask.choices)]
        whole = ask.tokens * ask.choices if outcome == "done" else 0
        return AnswerPart(
            stream=ask.stream,
            model=ask.model,
            prompt_tokens=ask.prompt_tokens,
            cached_tokens=self._cached_tokens,
            asked_tokens=ask.asked_tokens,
            output_tokens=len(offsets) if ask.stream else whole,
            queue_ns=None if self._started is None else self._started - self.request.ready_boot,
            token_offset_ns=offsets,
        )
