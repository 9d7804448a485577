"""When groups open and by when their go is decided. The whole play of it is in test_fleet."""

from __future__ import annotations

from function.contract.control import Go
from orchestrator.launch.roster import Group, groups_of
from orchestrator.launch.timetable import Timetable, ns
from tests.orchestrator.launch.world import START_NS, S, make_plan, make_ready


def timed(*, error_ns: int = 0, **given: object) -> tuple[Timetable, tuple[Group, ...]]:
    plan = make_plan(1, (2, 1), ("open", "open"), **given)  # type: ignore[arg-type]
    groups = groups_of(plan)
    return Timetable(plan, groups, error_ns), groups


def begin(group: Group, t0: int = START_NS) -> None:
    group.go = Go(group.phase, group.slice, t0, t0, {shard.id: 0 for shard in group.shards}, "w")
    for shard in group.shards:
        shard.at(0, t0).hear(t0)
        shard.granted = 0


def test_only_the_runs_first_group_may_open_before_any_go() -> None:
    times, groups = timed()
    assert [times.may_open(group, START_NS) for group in groups] == [True, False, False]
    assert [times.boundary(group) for group in groups] == [None, None, None]


def test_a_later_slice_opens_its_lead_before_its_boundary_and_decides_in_time() -> None:
    times, (first, second, _) = timed(error_ns=50_000_000)
    begin(first)
    assert times.boundary(second) == START_NS + 10 * S
    assert [times.may_open(second, START_NS + at) for at in (6 * S - 1, 6 * S)] == [False, True]
    assert times.deadline(second, START_NS) == START_NS + 10 * S - 350_000_000
    assert times.t0_of_go(second, START_NS + 7 * S) == START_NS


def test_notice_takes_the_worst_clock() -> None:
    times, (first, *_) = timed(error_ns=10)
    assert times.notice_ns(first) == ns(0.3) + 10
    first.shards[0].at(0, 0).ready = make_ready("0-0-0", error_ns=S)
    assert times.notice_ns(first) == ns(1.3)


def test_the_next_phase_warms_up_ahead_and_starts_after_its_pause() -> None:
    times, (first, second, after) = timed(pause_s=3.0)
    begin(first)
    begin(second)
    assert [times.may_open(after, START_NS + at) for at in (16 * S - 1, 16 * S)] == [False, True]
    assert times.t0_of_go(after, START_NS + 21 * S) is None, "the phase before is not over"
    first.closed = second.closed = True
    times.note_phases_over(START_NS + 21 * S)
    times.note_phases_over(START_NS + 22 * S)
    assert times.t0_of_go(after, START_NS + 21 * S) == START_NS + 24 * S
    assert times.t0_of_go(after, START_NS + 25 * S) == START_NS + 25 * S + ns(0.3)
    assert times.deadline(after, START_NS + 21 * S) == START_NS + 41 * S


def test_overdue_is_long_after_the_drain_and_never_for_a_count() -> None:
    times, (first, *_) = timed(max_lateness_s=1.0, drain_s=2.0, flush_s=1.0)
    assert not times.overdue(first, START_NS + 1000 * S)
    begin(first)
    assert [times.overdue(first, START_NS + at * S) for at in (19, 20)] == [False, True]
    first.end_ns = None
    assert not times.overdue(first, START_NS + 1000 * S)
