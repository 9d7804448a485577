"""Sessions of a closed loop: a turn is sent when the one before has landed, by the user it landed with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from function.arrival import Arrival, Row
from function.closed_loop import ClosedLoop
from function.flight import Flight
from function.sessions import AHEAD, Sessions
from function.tally import Tally
from function.timeline import Timeline
from function.workload import CHUNK_ROWS, Reuse, Supply
from tests.function.fake_performer import FakePerformer
from tests.function.little_run import workload_part
from tests.function.open_gate import open_gate
from tests.function.virtual import SECOND, VirtualClock, run, virtual_rim


class Speaker(FakePerformer):
    """Remembers a session as the numbers of its turns; those in `failing` are not remembered."""

    failing: frozenset[int] = frozenset()

    def __init__(self, clock: VirtualClock, service_s: Callable[[Arrival], float]) -> None:
        super().__init__(clock, service_s)
        self.before: dict[int, bytes] = {}

    def prepare(self, arrival: Arrival, before: bytes = b"") -> bytes:
        self.before[arrival.request_index] = before
        return super().prepare(arrival)

    def remember(self, arrival: Arrival, before: bytes, row: Row) -> bytes:
        assert row.request_index == arrival.request_index
        return before if arrival.request_index in self.failing else before + b"%d " % arrival.request_index


class Setting:
    """Sessions of so many turns for `users` users, from 1 s after now, which is t0."""

    def __init__(
        self,
        turns: Sequence[int],
        users: int,
        service_s: Callable[[Arrival], float] = lambda arrival: 1.0,
        end_ns: int | None = None,
        reuse: Reuse | None = None,
    ) -> None:
        self.clock = VirtualClock()
        self.rim = virtual_rim(self.clock)
        self.rows: list[Row] = []
        self.performer = Speaker(self.clock, service_s)
        self.sessions: Sessions | None = None
        self.flight = Flight(self.performer, open_gate(self.clock, 1 << 62), self.record, Tally(), self.rim)
        self.users = users
        self.performer.origin_ns = self.flight.origin_ns = self.clock.now_ns()
        self.timeline = Timeline(self.flight.origin_ns, 0, SECOND, end_ns, None)
        names = [str(number) for number, count in enumerate(turns) for _ in range(count)]
        self.supply = Supply(workload_part([0] * len(names), session=names), reuse)

    def record(self, row: Row) -> None:
        self.rows.append(row)
        assert self.sessions is not None
        self.sessions.heard(row)

    async def play(self) -> None:
        self.supply.start(self.rim.spawn, self.rim.fuse)
        self.sessions = Sessions(self.supply, self.performer, self.rim.fuse)
        await ClosedLoop(self.users, self.timeline, self.sessions, self.flight, self.rim).run()
        await self.flight.drain(self.clock.now_ns() + 10_000 * SECOND)
        self.rim.fuse.check()

    def run(self) -> dict[str, list[Row]]:
        """The rows of each session, in order of request_index."""
        run(self.clock, self.play())
        found: dict[str, list[Row]] = {}
        names = dict(self.names())
        for row in sorted(self.rows, key=lambda row: row.request_index):
            found.setdefault(names[row.request_index], []).append(row)
        return found

    def names(self) -> list[tuple[int, str]]:
        return [(arrival.request_index, arrival.session or "") for arrival in self.performer.asked]


TURNS = st.lists(st.integers(1, 9), max_size=25)


@settings(max_examples=60, deadline=None)
@given(turns=TURNS, users=st.integers(1, 12), spread=st.integers(0, 4), failing=st.frozensets(st.integers(0, 100)))
def test_every_turn_is_sent_once_in_order_by_one_user(
    turns: list[int], users: int, spread: int, failing: frozenset[int]
) -> None:
    setting = Setting(turns, users, lambda arrival: 0.5 + spread * (arrival.request_index * 7 % 5))
    setting.performer.failing = failing
    sessions = setting.run()
    assert [len(sessions[str(number)]) for number in range(len(turns))] == turns
    assert setting.performer.most_at_once == min(users, len(turns))
    for rows in sessions.values():
        before = b""
        for row in rows:
            assert setting.performer.before[row.request_index] == before
            before += b"" if row.request_index in failing else b"%d " % row.request_index
        assert all(two.scheduled_ns == one.end_ns for one, two in pairwise(rows)), "its user goes on at once"
    firsts = [rows[0] for rows in sessions.values()]
    assert firsts == sorted(firsts, key=lambda row: (row.sent_ns, row.request_index)), "sessions begin in order"
    # Nobody waits: as long as a session is left, a user who is free begins it at that instant.
    freed = sorted([SECOND] * users + [rows[-1].end_ns or 0 for rows in sessions.values()])
    assert [row.scheduled_ns for row in firsts] == freed[: len(firsts)]


def test_a_user_without_a_session_is_not_given_anothers_turn() -> None:
    """The last session goes on alone; who became free long ago must not make its turns look late."""
    setting = Setting([1, 5], 2)
    rows = setting.run()["1"]
    assert [row.scheduled_ns for row in rows] == [SECOND * at for at in (1, 2, 3, 4, 5)]
    assert setting.performer.most_at_once == 2


def test_by_time_nothing_is_sent_after_the_end_and_sessions_are_left_where_they_are() -> None:
    sessions = Setting([4, 4, 4], 2, end_ns=4 * SECOND).run()
    assert {name: len(rows) for name, rows in sessions.items()} == {"0": 3, "1": 3}


def test_rows_used_again_are_sessions_of_their_own_under_new_numbers() -> None:
    sessions = Setting([3], 1, end_ns=9 * SECOND, reuse=Reuse(10, 2, 1000)).run()
    assert {name: [row.request_index for row in rows] for name, rows in sessions.items()} == {
        "0": [0, 1, 2],
        "0.1": [10, 12, 14],
        "0.2": [16, 18],
    }
    assert [row.row for row in sessions["0.1"]] == [0, 1, 2]


def test_a_long_session_is_read_over_many_chunks_and_no_more_sessions_than_needed_are() -> None:
    setting = Setting([2 * CHUNK_ROWS + 5, *[1] * 40], 2, lambda arrival: 0.001)
    seen: list[int] = []
    land = setting.record

    def record(row: Row) -> None:
        land(row)
        assert setting.sessions is not None
        seen.append(len(setting.sessions._ready))

    setting.flight._record = record  # type: ignore[method-assign]
    sessions = setting.run()
    assert len(sessions["0"]) == 2 * CHUNK_ROWS + 5 and len(sessions) == 41
    assert max(seen) <= AHEAD


def test_rows_of_no_session_stand_alone() -> None:
    setting = Setting([1, 1], 1)
    setting.supply = Supply(workload_part([0] * 3, session=[None, None, None]))
    run(setting.clock, setting.play())
    assert [index for index, _ in setting.performer.sent] == [0, 1, 2]
    assert set(setting.performer.before.values()) == {b""}


@pytest.mark.parametrize("users", [1, 3])
def test_planted_a_loop_that_forgets_who_talks_is_caught(users: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if every row stood alone: turns overtake their answers."""
    monkeypatch.setattr("function.sessions._goes_on", lambda last, arrival: False)
    sessions = Setting([4, 4], users, lambda arrival: 1.0 + arrival.request_index % 2).run()
    kept = all(two.scheduled_ns == one.end_ns for rows in sessions.values() for one, two in pairwise(rows))
    assert kept == (users == 1)
