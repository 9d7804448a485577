"""The requests in the air: each a task that ends in exactly one row, whatever happens to it.

The gate is asked here, at the instant of each send. What it lets through is listed as in flight until its row is
recorded, so a part can name what a killed worker would lose.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Literal, Protocol

from function.arrival import Arrival, InFlight, Row
from function.gate import AbortedKind, Gate
from function.rim import Rim
from function.tally import Tally
from function.transport.port import Stamping

_CUT_S = 5.0  # a cancelled request that does not end within this is a defect, and the worker fails


class Performer(Protocol):
    """What sends requests: function.request.Requester, as far as a shard knows it."""

    origin_ns: int  # the run's t0 on the worker's clock; set once go is known

    @property
    def stamping(self) -> Stamping: ...

    async def warm(self, connections: int = 1) -> object: ...

    async def close(self) -> None: ...

    def prepare(self, arrival: Arrival) -> bytes: ...

    async def perform(
        self,
        arrival: Arrival,
        body: bytes,
        permit: Callable[[], str | None],
        cancel_kind: Callable[[], str],
    ) -> Row: ...


class Flight:
    """`landed` is called after each row, once the place in the air is free again."""

    def __init__(self, performer: Performer, gate: Gate, record: Callable[[Row], None], tally: Tally, rim: Rim) -> None:
        self.landed: Callable[[], None] = lambda: None
        self.origin_ns = 0  # the run's t0 on the clock; set once go is known
        self._performer = performer
        self._gate = gate
        self._record = record
        self._tally = tally
        self._clock = rim.clock
        self._fuse = rim.fuse
        self._tasks: dict[asyncio.Task[Row], Arrival] = {}
        self._sent: dict[int, InFlight] = {}
        self._cut: AbortedKind | None = None
        self._out_of_time = False

    @property
    def count(self) -> int:
        return len(self._tasks)

    @property
    def grounded(self) -> bool:
        """The gate has stopped for good: starting anything would only make it an aborted row."""
        return self._gate.stop() is not None

    def sent(self) -> list[InFlight]:
        """What was sent and has no row yet."""
        return list(self._sent.values())

    def start(self, arrival: Arrival, body: bytes) -> None:
        permit = partial(self._permit, arrival)
        task = asyncio.create_task(self._performer.perform(arrival, body, permit, self._cancel_kind))
        self._tasks[task] = arrival
        task.add_done_callback(self._land)

    def unsent(self, arrival: Arrival, status: Literal["missed", "aborted"], kind: str) -> None:
        """The row of an arrival that no request was made for."""
        self._keep(_unsent(arrival, status, kind))

    async def drain(self, until_ns: int) -> None:
        """Wait for the answers; what is still open at `until_ns` (the worker's clock) has timed out."""
        while self._tasks:
            left_ns = until_ns - self._clock.now_ns()
            if left_ns <= 0:
                self._out_of_time = True
                return await self._cancel()
            await asyncio.wait(list(self._tasks), timeout=left_ns / 1e9)
        return None

    async def cut(self, kind: AbortedKind) -> None:
        """Cancel everything in the air: aborted, with whatever they measured so far."""
        self._cut = kind
        await self._cancel()

    async def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=_CUT_S)
        if self._tasks:
            raise RuntimeError(f"{len(self._tasks)} cancelled requests did not end within {_CUT_S:g} s")

    def _permit(self, arrival: Arrival) -> AbortedKind | None:
        kind = self._gate.permit()
        if kind is None and arrival.request_index not in self._sent:
            sent_ns = self._clock.now_ns() - self.origin_ns
            self._sent[arrival.request_index] = InFlight(
                arrival.request_index, arrival.stage, arrival.scheduled_ns, sent_ns
            )
            self._tally.sent(arrival, sent_ns)
        return kind

    def _cancel_kind(self) -> AbortedKind:
        return self._cut or "user"

    def _land(self, task: asyncio.Task[Row]) -> None:
        arrival = self._tasks.pop(task)
        self._sent.pop(arrival.request_index, None)
        try:
            # Cancelled before its first step, a task ends without a row.
            row = _unsent(arrival, "aborted", self._cancel_kind()) if task.cancelled() else task.result()
            self._keep(_expired(row) if self._out_of_time and row.status == "aborted" else row)
            self.landed()
        except Exception as error:  # noqa: BLE001 - a row that could not be made or kept; the worker fails by it
            self._fuse.blow(error)

    def _keep(self, row: Row) -> None:
        self._tally.ended(row)
        self._record(row)


def _unsent(arrival: Arrival, status: Literal["missed", "aborted"], kind: str) -> Row:
    return Row(
        request_index=arrival.request_index,
        row=arrival.row,
        stage=arrival.stage,
        scheduled_ns=arrival.scheduled_ns,
        eligible_ns=arrival.eligible_ns,
        status=status,
        error_kind=kind,
        asked_tokens=arrival.output_tokens,
        session_id=arrival.session,
    )


def _expired(row: Row) -> Row:
    """Cancelled because the drain was over, not because anybody stopped the run."""
    if row.sent_ns is None:
        return replace(row, status="missed", error_kind="no_time_left")
    message = "not answered before the worker's drain was over"
    return replace(row, status="timed_out", error_kind="total_timeout", error_message=row.error_message or message)
