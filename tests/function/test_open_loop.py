"""The open loop against a simulated clock: when each arrival is sent, and what becomes of those that are not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from function.arrival import Arrival, Row
from function.flight import Flight
from function.open_loop import Limits, OpenLoop, limits
from function.tally import Tally
from function.timeline import Timeline
from function.window import Window
from function.workload import Supply
from tests.function.fake_performer import FakePerformer
from tests.function.little_run import shard_spec, workload_part
from tests.function.open_gate import open_gate
from tests.function.virtual import SECOND, VirtualClock, run, virtual_rim

FAR = 1 << 62
NO_LIMITS = Limits(cap=None, lateness_ns=5 * SECOND, seam_ns=FAR, send_until_ns=FAR)
MS = SECOND // 1000


class Setting:
    """A loop over `scheduled_ns`, with t0 one second from now."""

    def __init__(
        self,
        scheduled_ns: list[int],
        limits: Limits = NO_LIMITS,
        service_s: Callable[[Arrival], float] = lambda arrival: 0.1,
    ) -> None:
        self.clock = VirtualClock()
        self.rim = virtual_rim(self.clock)
        self.rows: list[Row] = []
        self.performer = FakePerformer(self.clock, service_s)
        gate = open_gate(self.clock, FAR)
        self.flight = Flight(self.performer, gate, self.rows.append, Tally(), self.rim)
        self.performer.origin_ns = self.flight.origin_ns = self.clock.now_ns() + SECOND
        self.supply = Supply(workload_part(scheduled_ns))
        self.limits = limits

    def loop(self) -> OpenLoop:
        self.supply.start(self.rim.spawn, self.rim.fuse)
        window = Window(self.supply, self.performer.prepare, self.rim.fuse)
        return OpenLoop(self.limits, window, self.flight, self.rim)

    async def play(self) -> OpenLoop:
        loop = self.loop()
        await loop.run()
        await self.flight.drain(self.clock.now_ns() + 10**6 * SECOND)
        self.rim.fuse.check()
        return loop

    def run(self) -> OpenLoop:
        return run(self.clock, self.play())

    def missed(self) -> list[tuple[int, str | None]]:
        return [(row.request_index, row.error_kind) for row in self.rows if row.status == "missed"]


SCHEDULES = st.lists(st.integers(0, 20 * SECOND), max_size=300).map(sorted)


@settings(max_examples=40, deadline=None)
@given(SCHEDULES, st.integers(0, 5))
def test_everything_is_sent_once_at_its_instant_whatever_the_answers_do(scheduled_ns: list[int], slowness: int) -> None:
    setting = Setting(scheduled_ns, service_s=lambda arrival: slowness * (arrival.request_index % 7))
    setting.run()
    assert [index for index, _ in setting.performer.sent] == list(range(len(scheduled_ns)))
    assert all(0 <= sent - due <= 1 for (_, sent), due in zip(setting.performer.sent, scheduled_ns))
    assert sorted(row.request_index for row in setting.rows) == list(range(len(scheduled_ns)))


def test_bodies_are_built_before_they_are_due() -> None:
    setting = Setting([0, 3 * SECOND])

    async def main() -> None:
        playing = asyncio.create_task(setting.play())
        await asyncio.sleep(0.5)
        assert setting.performer.prepared == [0, 1] and setting.performer.sent == []
        await playing

    run(setting.clock, main())


def test_a_stall_delays_what_it_delays_and_no_more() -> None:
    scheduled_ns = [i * 10 * MS for i in range(100)]
    setting = Setting(scheduled_ns)

    async def main() -> None:
        asyncio.get_running_loop().call_later(1.3, setting.clock.advance, 0.2)
        await setting.play()

    run(setting.clock, main())
    late = [sent - due for (_, sent), due in zip(setting.performer.sent, scheduled_ns)]
    assert max(late[:30]) <= 1 and max(late[51:]) <= 1
    assert late[31:50] == pytest.approx([200 * MS - i * 10 * MS for i in range(1, 20)], abs=10 * MS)
    assert len(setting.performer.sent) == 100


def test_past_the_lateness_limit_it_is_missed_and_never_caught_up() -> None:
    scheduled_ns = [i * SECOND for i in range(12)]
    setting = Setting(scheduled_ns)

    async def main() -> None:
        asyncio.get_running_loop().call_later(1.5, setting.clock.advance, 7.2)  # until 7.7 after t0
        await setting.play()

    run(setting.clock, main())
    assert setting.missed() == [(1, "late"), (2, "late")]
    sent = dict(setting.performer.sent)
    assert [sent[index] - scheduled_ns[index] for index in (3, 7, 8)] == [4_700 * MS, 700 * MS, 0]
    missed = [row for row in setting.rows if row.status == "missed"]
    assert all(row.sent_ns is None and row.scheduled_ns == row.eligible_ns for row in missed)


def test_a_start_after_t0_counts_as_lateness() -> None:
    setting = Setting([0, 2 * SECOND, 9 * SECOND])
    setting.clock.advance(7.5)
    setting.run()
    assert setting.missed() == [(0, "late")]
    assert dict(setting.performer.sent) == {1: 6_500 * MS, 2: 9 * SECOND}


@settings(max_examples=40, deadline=None)
@given(SCHEDULES, st.integers(1, 4), st.integers(1, 3_000))
def test_a_cap_holds_arrivals_back_in_order_and_their_wait_is_not_lateness(
    scheduled_ns: list[int], cap: int, service_ms: int
) -> None:
    capped = Limits(cap, 5 * SECOND, FAR, FAR)
    setting = Setting(scheduled_ns, capped, lambda arrival: service_ms / 1000)
    setting.run()
    assert setting.performer.most_at_once <= cap
    assert [index for index, _ in setting.performer.sent] == list(range(len(scheduled_ns)))
    free_at = [-SECOND] * cap  # a queue of `cap` servers says when each can go
    rows = sorted(setting.rows, key=lambda row: row.request_index)
    for row, due in zip(rows, scheduled_ns):
        start = max(due, min(free_at))
        free_at[free_at.index(min(free_at))] = start + service_ms * MS
        assert row.sent_ns is not None and row.eligible_ns is not None
        assert row.scheduled_ns == due, "the wait stays in from-scheduled"
        assert row.sent_ns == pytest.approx(start, abs=1000)
        assert row.eligible_ns == pytest.approx(start, abs=1000)


def test_what_still_waits_for_the_cap_past_the_seam_is_missed() -> None:
    limits = Limits(1, 5 * SECOND, 10 * SECOND, FAR)
    setting = Setting([0, SECOND, 2 * SECOND, 3 * SECOND, 10 * SECOND + 1], limits, lambda arrival: 4.0)
    setting.run()
    assert dict(setting.performer.sent) == pytest.approx({0: 0, 1: 4 * SECOND, 2: 8 * SECOND}, abs=10)
    assert setting.missed() == [(3, "cap_at_seam"), (4, "cap_at_seam")]
    at = [row for row in setting.rows if row.request_index == 3]
    assert at[0].eligible_ns == 3 * SECOND


def test_past_the_seam_an_arrival_that_finds_room_is_sent() -> None:
    setting = Setting([0, SECOND, 10 * SECOND + 5], Limits(1, 5 * SECOND, 10 * SECOND, FAR))
    setting.run()
    assert [index for index, _ in setting.performer.sent] == [0, 1, 2]


def test_a_large_backlog_is_missed_in_turns() -> None:
    setting = Setting([0] * 1000, Limits(1, 5 * SECOND, SECOND, FAR), lambda arrival: 3.0)
    setting.run()
    assert len(setting.performer.sent) == 1
    assert setting.missed() == [(index, "cap_at_seam") for index in range(1, 1000)]


def test_when_the_invocations_time_is_up_the_rest_is_missed() -> None:
    limits = Limits(None, 5 * SECOND, FAR, 3 * SECOND)
    setting = Setting([i * SECOND for i in range(6)], limits)

    async def main() -> None:
        loop = await setting.play()
        assert loop.out_of_time
        await loop.leave("missed", "no_time_left")

    run(setting.clock, main())
    assert [index for index, _ in setting.performer.sent] == [0, 1, 2]
    assert setting.missed() == [(index, "no_time_left") for index in (3, 4, 5)]


def test_cancelled_it_sends_nothing_more_and_accounts_for_what_was_due() -> None:
    setting = Setting([i * SECOND for i in range(8)], Limits(2, 5 * SECOND, FAR, FAR), lambda arrival: 100.0)

    async def main() -> None:
        loop = setting.loop()
        running = asyncio.create_task(loop.run())
        await asyncio.sleep(5.5)  # two are in flight, and those due at 2, 3 and 4 wait for the cap
        running.cancel()
        await asyncio.wait({running})
        await setting.flight.cut("user")
        await loop.leave("aborted", "user", until_ns=4_200 * MS)

    run(setting.clock, main())
    assert [index for index, _ in setting.performer.sent] == [0, 1]
    rows = {row.request_index: (row.status, row.error_kind, row.sent_ns) for row in setting.rows}
    assert rows.pop(0)[:2] == rows.pop(1)[:2] == ("aborted", "user")
    assert rows == dict.fromkeys((2, 3, 4), ("aborted", "user", None)), "what was due later has no row"


def test_a_body_that_cannot_be_built_ends_the_run_by_the_fuse() -> None:
    setting = Setting([0])

    def prepare(arrival: Arrival) -> bytes:
        raise ValueError("no such text")

    setting.performer.prepare = prepare  # type: ignore[method-assign]

    async def main() -> None:
        running = asyncio.create_task(setting.loop().run())
        await asyncio.sleep(3)
        assert not running.done()
        running.cancel()

    run(setting.clock, main())
    with pytest.raises(ValueError, match="no such text"):
        setting.rim.fuse.check()


def test_what_waits_for_the_cap_at_the_slices_end_gets_its_backlog_time() -> None:
    spec = shard_spec(workload_part([0]), cap=3, drain_s=120.0, backlog_s=70.0, max_lateness_s=2.5)
    timeline = Timeline(origin_ns=5, phase_ns=0, start_ns=0, end_ns=60 * SECOND, send_until_ns=None)
    assert limits(spec, timeline) == Limits(3, 2_500 * MS, 130 * SECOND, FAR)
