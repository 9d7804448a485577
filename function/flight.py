"""The requests in the air: each ends in exactly one row, whatever happens to it.

The gate is asked here, at the instant of each send. What it lets through is listed as in flight until its row is
recorded, so a part can name what a killed worker would lose.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Literal, Protocol

from function.alarm import Alarm
from function.arrival import Arrival, InFlight, Row
from function.gate import AbortedKind, Gate
from function.rim import Rim
from function.tally import Tally
from function.transport.port import Stamping

_CUT_S = 5.0  # a cancelled request that does not end within this is a defect, and the worker fails


class Airborne(Protocol):
    """A request that was begun."""

    def cancel(self, kind: str) -> None:
        """It ends, now or soon: aborted with this kind, unless its outcome stands."""
        ...

    def row(self) -> Row:
        """Once it has ended."""
        ...


class Performer(Protocol):
    """What sends requests: function.request.Requester, as far as a shard knows it."""

    origin_ns: int  # the run's t0 on the worker's clock; set once go is known

    @property
    def stamping(self) -> Stamping: ...

    async def warm(self, connections: int = 1) -> object: ...

    async def close(self) -> None: ...

    def heed(self, alarm: Alarm) -> None:
        """From now on, ring it when it is due, however many answers come."""
        ...

    def prepare(self, arrival: Arrival, before: bytes = b"") -> bytes: ...

    def remember(self, arrival: Arrival, before: bytes, row: Row) -> bytes: ...

    def begin(
        self, arrival: Arrival, body: bytes, permit: Callable[[], str | None], ended: Callable[[Any], None]
    ) -> Airborne:
        """`ended` is called with what this returns, once, later."""
        ...


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
        self._airborne: dict[Airborne, Arrival] = {}
        self._emptied: asyncio.Future[None] | None = None  # while somebody waits for it
        self._sent: dict[int, InFlight] = {}
        self._cut: AbortedKind | None = None
        self._out_of_time = False

    @property
    def count(self) -> int:
        return len(self._airborne)

    @property
    def grounded(self) -> bool:
        """The gate has stopped for good: starting anything would only make it an aborted row."""
        return self._gate.stop() is not None

    def sent(self) -> list[InFlight]:
        """What was sent and has no row yet."""
        return list(self._sent.values())

    def heed(self, alarm: Alarm) -> None:
        self._performer.heed(alarm)

    def start(self, arrival: Arrival, body: bytes) -> None:
        airborne = self._performer.begin(arrival, body, partial(self._permit, arrival), self._land)
        self._airborne[airborne] = arrival

    def unsent(self, arrival: Arrival, status: Literal["missed", "aborted"], kind: str) -> None:
        """The row of an arrival that no request was made for."""
        self._keep(_unsent(arrival, status, kind))

    async def drain(self, until_ns: int) -> None:
        """Wait for the answers; what is still open at `until_ns` (the worker's clock) has timed out."""
        while self._airborne:
            left_ns = until_ns - self._clock.now_ns()
            if left_ns <= 0:
                self._out_of_time = True
                return await self._cancel()
            await self._until_empty(left_ns / 1e9)
        return None

    async def cut(self, kind: AbortedKind) -> None:
        """Cancel everything in the air: aborted, with whatever they measured so far."""
        self._cut = kind
        await self._cancel()

    async def _cancel(self) -> None:
        kind = self._cut or "user"
        for airborne in list(self._airborne):
            airborne.cancel(kind)
        await self._until_empty(_CUT_S)
        if self._airborne:
            raise RuntimeError(f"{len(self._airborne)} cancelled requests did not end within {_CUT_S:g} s")

    async def _until_empty(self, timeout_s: float) -> None:
        if self._airborne:
            self._emptied = asyncio.get_running_loop().create_future()
            await asyncio.wait({self._emptied}, timeout=timeout_s)

    def _permit(self, arrival: Arrival) -> AbortedKind | None:
        kind = self._gate.permit()
        if kind is None and arrival.request_index not in self._sent:
            sent_ns = self._clock.now_ns() - self.origin_ns
            self._sent[arrival.request_index] = InFlight(
                arrival.request_index, arrival.stage, arrival.scheduled_ns, sent_ns
            )
            self._tally.sent(arrival, sent_ns)
        return kind

    def _land(self, airborne: Airborne) -> None:
        arrival = self._airborne.pop(airborne)
        self._sent.pop(arrival.request_index, None)
        try:
            row = airborne.row()
            self._keep(_expired(row) if self._out_of_time and row.status == "aborted" else row)
            self.landed()
        except Exception as error:  # noqa: BLE001 - a row that could not be made or kept; the worker fails by it
            self._fuse.blow(error)
        if not self._airborne and self._emptied is not None and not self._emptied.done():
            self._emptied.set_result(None)

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
