"""Every request that is started becomes exactly one row, whatever happens to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from function.arrival import Arrival, Row
from function.flight import Flight
from function.gate import Gate
from function.tally import Tally
from tests.function.fake_performer import FakePerformer
from tests.function.open_gate import control, open_gate
from tests.function.virtual import SECOND, VirtualClock, run, virtual_rim


def arrival(index: int, due_ns: int = 0) -> Arrival:
    return Arrival(index, index, 0, due_ns, due_ns, 4, 0, "s", ())


class Setting:
    def __init__(self, service_s: Callable[[Arrival], float] = lambda arrival: 1.0) -> None:
        self.clock = VirtualClock()
        self.rim = virtual_rim(self.clock)
        self.gate: Gate = open_gate(self.clock)
        self.performer = FakePerformer(self.clock, service_s)
        self.rows: list[Row] = []
        self.tally = Tally()
        self.flight = Flight(self.performer, self.gate, self.rows.append, self.tally, self.rim)
        self.performer.origin_ns = self.flight.origin_ns = self.clock.now_ns()

    def start(self, index: int) -> None:
        self.flight.start(arrival(index), b"body of %d" % index)

    def in_s(self, seconds: float) -> int:
        return self.clock.now_ns() + int(seconds * SECOND)


def test_sent_requests_are_listed_until_their_row_is_there() -> None:
    setting = Setting()
    landed: list[int] = []

    async def main() -> None:
        setting.flight.landed = lambda: landed.append(setting.flight.count)
        setting.start(0)
        assert setting.flight.sent() == [], "not before the gate let it through"
        await asyncio.sleep(0.5)
        setting.start(1)
        await asyncio.sleep(0)
        assert [tuple(one) for one in setting.flight.sent()] == [(0, 0, 0, 0), (1, 0, 0, SECOND // 2)]
        await asyncio.sleep(0.7)
        assert [one.request_index for one in setting.flight.sent()] == [1]
        await setting.flight.drain(setting.in_s(10))

    run(setting.clock, main())
    assert [row.request_index for row in setting.rows] == [0, 1]
    assert landed == [1, 0]
    assert setting.flight.sent() == [] and setting.flight.count == 0
    assert (setting.tally.sent_count, setting.tally.counts().ok) == (2, 2)


def test_what_the_gate_refuses_is_aborted_and_never_listed() -> None:
    setting = Setting()

    async def main() -> None:
        setting.gate.heard(setting.clock.now_ns(), control(3, "abort", reason="breaker"))
        setting.start(0)
        await setting.flight.drain(setting.in_s(1))

    run(setting.clock, main())
    assert [(row.status, row.error_kind, row.sent_ns) for row in setting.rows] == [("aborted", "breaker", None)]
    assert setting.performer.sent == [] and setting.tally.sent_count == 0


def test_cut_off_they_are_aborted_with_the_stops_kind() -> None:
    setting = Setting()

    async def main() -> None:
        setting.start(0)
        await asyncio.sleep(0.3)
        setting.start(1)  # cancelled before its task takes a step
        await setting.flight.cut("breaker")

    run(setting.clock, main())
    assert {(row.request_index, row.status, row.error_kind, row.sent_ns) for row in setting.rows} == {
        (0, "aborted", "breaker", 0),
        (1, "aborted", "breaker", None),
    }


def test_what_outlasts_the_drain_has_timed_out() -> None:
    setting = Setting(lambda arrival: 1.0 if arrival.request_index == 0 else 100.0)

    async def main() -> None:
        setting.start(0)
        setting.start(1)
        await setting.flight.drain(setting.in_s(5))

    run(setting.clock, main())
    assert [(row.request_index, row.status, row.error_kind) for row in setting.rows] == [
        (0, "ok", None),
        (1, "timed_out", "total_timeout"),
    ]
    assert setting.rows[1].sent_ns == 0 and setting.rows[1].end_ns == 5 * SECOND
    assert setting.rows[1].error_message


def test_not_even_sent_when_the_drain_was_over() -> None:
    setting = Setting()

    class Queued(FakePerformer):
        async def perform(self, *args: object) -> Row:  # type: ignore[override]
            await asyncio.sleep(0)
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError:
                return self._row(arrival(0), "aborted", "user", None)
            raise AssertionError

    async def main() -> None:
        flight = Flight(Queued(setting.clock), setting.gate, setting.rows.append, setting.tally, setting.rim)
        flight.start(arrival(0), b"")
        await flight.drain(setting.in_s(1))

    run(setting.clock, main())
    assert [(row.status, row.error_kind) for row in setting.rows] == [("missed", "no_time_left")]


def test_one_that_does_not_end_when_cancelled_is_a_defect() -> None:
    setting = Setting()

    class Stubborn(FakePerformer):
        async def perform(self, *args: object) -> Row:  # type: ignore[override]
            for _ in range(3):
                try:
                    await asyncio.sleep(4)
                except asyncio.CancelledError:
                    continue
            return self._row(arrival(0), "ok", None, 0)

    async def main() -> None:
        flight = Flight(Stubborn(setting.clock), setting.gate, setting.rows.append, setting.tally, setting.rim)
        flight.start(arrival(0), b"")
        await asyncio.sleep(0.1)
        with pytest.raises(RuntimeError, match="did not end"):
            await flight.cut("user")
        await asyncio.sleep(60)

    run(setting.clock, main())


def test_a_performer_that_raises_blows_the_fuse() -> None:
    setting = Setting()

    class Raising(FakePerformer):
        async def perform(self, *args: object) -> Row:  # type: ignore[override]
            raise KeyError("a defect")

    async def main() -> None:
        flight = Flight(Raising(setting.clock), setting.gate, setting.rows.append, setting.tally, setting.rim)
        flight.start(arrival(0), b"")
        await flight.drain(setting.in_s(1))

    run(setting.clock, main())
    with pytest.raises(KeyError, match="a defect"):
        setting.rim.fuse.check()
