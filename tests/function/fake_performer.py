"""An endpoint that answers after a time of the test's choosing, behind the same seam as the real requester."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from function.alarm import Alarm
from function.arrival import Arrival, Row
from function.clock import Clock
from function.transport.port import Stamping


class FakeRequest:
    """function.flight.Airborne, as a task."""

    def __init__(self, perform: Any, arrival: Arrival, ended: Callable[[Any], None]) -> None:
        self._kind = "user"
        self._arrival = arrival
        self._task: asyncio.Task[Row] = asyncio.ensure_future(perform(lambda: self._kind))
        self._task.add_done_callback(lambda task: ended(self))

    def cancel(self, kind: str) -> None:
        self._kind = kind
        self._task.cancel()

    def row(self) -> Row:
        if not self._task.cancelled():
            return self._task.result()
        a = self._arrival  # cancelled before its first step
        return Row(a.request_index, a.row, a.stage, a.scheduled_ns, a.eligible_ns, "aborted", error_kind=self._kind)


class FakePerformer:
    """`service_s(arrival)` is how long an answer takes. Remembers what was sent, in order, as (index, ns since t0)."""

    def __init__(self, clock: Clock, service_s: Callable[[Arrival], float] = lambda arrival: 0.1) -> None:
        self.origin_ns = 0
        self.sent: list[tuple[int, int]] = []
        self.prepared: list[int] = []
        self.asked: list[Arrival] = []
        self.closed = False
        self.stamping = Stamping()
        self.most_at_once = 0
        self._at_once = 0
        self._clock = clock
        self._service_s = service_s

    def heed(self, alarm: Alarm) -> None:
        return

    async def warm(self, connections: int = 1) -> object:
        return None

    async def close(self) -> None:
        self.closed = True

    def remember(self, arrival: Arrival, before: bytes, row: Row) -> bytes:
        return before

    def prepare(self, arrival: Arrival, before: bytes = b"") -> bytes:
        self.prepared.append(arrival.request_index)
        return b"body of %d" % arrival.request_index

    def begin(
        self, arrival: Arrival, body: bytes, permit: Callable[[], str | None], ended: Callable[[Any], None]
    ) -> FakeRequest:
        return FakeRequest(lambda kind: self.perform(arrival, body, permit, kind), arrival, ended)

    async def perform(
        self,
        arrival: Arrival,
        body: bytes,
        permit: Callable[[], str | None],
        cancel_kind: Callable[[], str],
    ) -> Row:
        assert body == b"body of %d" % arrival.request_index
        refusal = permit()
        if refusal is not None:
            return self._row(arrival, "aborted", refusal, None)
        sent_ns = self._clock.now_ns() - self.origin_ns
        self.asked.append(arrival)
        self.sent.append((arrival.request_index, sent_ns))
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await asyncio.sleep(self._service_s(arrival))
        except asyncio.CancelledError:
            return self._row(arrival, "aborted", cancel_kind(), sent_ns)
        finally:
            self._at_once -= 1
        return self._row(arrival, "ok", None, sent_ns)

    def _row(self, arrival: Arrival, status: str, kind: str | None, sent_ns: int | None) -> Row:
        end_ns = self._clock.now_ns() - self.origin_ns
        return Row(
            request_index=arrival.request_index,
            row=arrival.row,
            stage=arrival.stage,
            scheduled_ns=arrival.scheduled_ns,
            eligible_ns=arrival.eligible_ns,
            status=status,  # type: ignore[arg-type]
            sent_ns=sent_ns,
            first_token_ns=end_ns if status == "ok" else None,
            end_ns=end_ns,
            error_kind=kind,
            token_ns=(end_ns,) if status == "ok" else (),
        )
