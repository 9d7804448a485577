"""Users who ask again once they are free."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from function.arrival import Arrival, Row
from function.closed_loop import ClosedLoop
from function.flight import Flight
from function.tally import Tally
from function.timeline import Timeline
from function.window import Window
from function.workload import Reuse, Supply
from tests.function.fake_performer import FakePerformer
from tests.function.little_run import workload_part
from tests.function.open_gate import open_gate
from tests.function.virtual import SECOND, VirtualClock, run, virtual_rim


class Setting:
    """`rows` requests for `users` users, the slice starting 2 s after t0, t0 one second from now."""

    def __init__(
        self,
        users: int,
        rows: int,
        service_s: Callable[[Arrival], float] = lambda arrival: 1.0,
        end_ns: int | None = None,
        send_until_ns: int | None = None,
        reuse: Reuse | None = None,
    ) -> None:
        self.clock = VirtualClock()
        self.rim = virtual_rim(self.clock)
        self.rows: list[Row] = []
        self.performer = FakePerformer(self.clock, service_s)
        self.flight = Flight(self.performer, open_gate(self.clock, 1 << 62), self.rows.append, Tally(), self.rim)
        self.users = users
        origin_ns = self.performer.origin_ns = self.flight.origin_ns = self.clock.now_ns() + SECOND
        self.timeline = Timeline(origin_ns, 0, 2 * SECOND, end_ns, send_until_ns)
        self.supply = Supply(workload_part([0] * rows), reuse)

    async def play(self) -> ClosedLoop:
        self.supply.start(self.rim.spawn, self.rim.fuse)
        window = Window(self.supply, self.performer.prepare, self.rim.fuse)
        loop = ClosedLoop(self.users, self.timeline, window, self.flight, self.rim)
        await loop.run()
        await self.flight.drain(self.clock.now_ns() + 1000 * SECOND)
        self.rim.fuse.check()
        return loop

    def run(self) -> ClosedLoop:
        return run(self.clock, self.play())


@settings(max_examples=30, deadline=None)
@given(users=st.integers(1, 90), rows=st.integers(0, 300), spread=st.integers(0, 5))
def test_by_count_every_row_is_sent_once_in_order_by_users_who_are_free(users: int, rows: int, spread: int) -> None:
    setting = Setting(users, rows, lambda arrival: 0.5 + spread * (arrival.request_index % 3))
    setting.run()
    assert [index for index, _ in setting.performer.sent] == list(range(rows))
    assert setting.performer.most_at_once == min(users, rows)
    assert sorted(row.request_index for row in setting.rows) == list(range(rows))
    assert all(row.sent_ns is not None and row.scheduled_ns == row.eligible_ns for row in setting.rows)


def test_all_users_start_at_the_slices_start_and_go_on_when_free() -> None:
    setting = Setting(2, 5, lambda arrival: 1.0 if arrival.request_index % 2 else 3.0)
    setting.run()
    found = [(row.request_index, row.scheduled_ns) for row in sorted(setting.rows, key=lambda r: r.request_index)]
    assert found == [(0, 2 * SECOND), (1, 2 * SECOND), (2, 3 * SECOND), (3, 5 * SECOND), (4, 6 * SECOND)]
    assert dict(setting.performer.sent) == pytest.approx(dict(found), abs=10)


def test_what_the_worker_takes_is_its_own_delay() -> None:
    setting = Setting(1, 3)

    async def main() -> None:
        asyncio.get_running_loop().call_later(2.5, setting.clock.advance, 1.0)
        await setting.play()

    run(setting.clock, main())
    first = min(setting.rows, key=lambda row: row.request_index)
    assert first.scheduled_ns == 2 * SECOND and first.sent_ns == 2_500_000_000


def test_by_time_nobody_starts_after_the_slices_end() -> None:
    setting = Setting(3, 1000, lambda arrival: 0.7, end_ns=12 * SECOND)
    loop = setting.run()
    assert not loop.out_of_time
    assert max(sent for _, sent in setting.performer.sent) < 12 * SECOND
    assert len(setting.performer.sent) == 3 * 15, "10 s of 0.7 s each, the last one begun before the end"


def test_a_lane_that_runs_out_of_rows_uses_them_again_under_new_indices() -> None:
    setting = Setting(2, 3, end_ns=7 * SECOND, reuse=Reuse(0, 1, 1000))
    setting.run()
    assert [index for index, _ in setting.performer.sent] == list(range(10))
    assert [row.row for row in sorted(setting.rows, key=lambda r: r.request_index)] == [i % 3 for i in range(10)]


def test_indices_never_pass_the_blocks_end() -> None:
    setting = Setting(2, 3, end_ns=70 * SECOND, reuse=Reuse(0, 1, 5))
    setting.run()
    assert [index for index, _ in setting.performer.sent] == [0, 1, 2, 3, 4]


def test_when_the_invocations_time_is_up_it_says_so() -> None:
    setting = Setting(1, 100, send_until_ns=5 * SECOND)
    loop = setting.run()
    assert loop.out_of_time
    assert len(setting.performer.sent) == 3


def test_a_stuck_answer_does_not_keep_it_past_the_end() -> None:
    setting = Setting(1, 100, lambda arrival: 500.0, end_ns=5 * SECOND)

    async def main() -> None:
        setting.supply.start(setting.rim.spawn, setting.rim.fuse)
        window = Window(setting.supply, setting.performer.prepare, setting.rim.fuse)
        await ClosedLoop(1, setting.timeline, window, setting.flight, setting.rim).run()
        assert setting.clock.now_ns() - setting.flight.origin_ns == pytest.approx(5 * SECOND, abs=10)
        await setting.flight.cut("user")

    run(setting.clock, main())
