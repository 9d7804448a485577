"""The fleet against simulated worlds: what must never happen, what must always happen, and the referee's own eyes."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from function.contract.control import Go
from orchestrator.launch.action import Abort, Action, CreateGo, Finish, Grant, Invoke
from orchestrator.launch.fleet import MAX_ATTEMPTS, Fleet, Patience, patience_for
from orchestrator.launch.timetable import Timetable
from tests.orchestrator.launch.world import START_NS, Fate, S, World, make_plan, make_progress, make_ready


@st.composite
def shapes(draw: st.DrawFn) -> tuple[int, tuple[int, ...], tuple[str, ...]]:
    kinds = draw(st.lists(st.sampled_from(("open", "closed_count", "closed_time")), min_size=1, max_size=3))
    counts = [1 if kind == "closed_count" else draw(st.integers(1, 4)) for kind in kinds]
    return draw(st.integers(1, 4)), tuple(counts), tuple(kinds)


def any_fate(random: Random) -> Fate:
    def maybe(low: float, high: float) -> float | None:
        return random.uniform(low, high) if random.random() < 0.3 else None

    ready_s = random.uniform(0, 6) if random.random() < 0.85 else None
    return Fate(ready_s=ready_s, dies_s=maybe(0, 25), run_s=maybe(0, 60) or random.uniform(0, 3), stalls_s=maybe(0, 25))


def healthy_fate(random: Random) -> Fate:
    return Fate(ready_s=random.uniform(0, 2.5), run_s=random.uniform(0, 3))


@settings(max_examples=300, deadline=None)
@given(
    shapes(), st.randoms(use_true_random=False), st.integers(0, 400), st.sampled_from((0.4, 0.7, 1.0)), st.booleans()
)
def test_whatever_workers_do_nothing_forbidden_happens_and_it_ends(
    shape: tuple[int, tuple[int, ...], tuple[str, ...]],
    random: Random,
    error_ms: int,
    ready_min: float,
    retry_slow: bool,
) -> None:
    lanes, counts, kinds = shape
    world = World(
        make_plan(lanes, counts, kinds, ready_min=ready_min),
        fate=lambda shard, attempt: any_fate(random),
        go_lost=lambda n: n % 2 == 1 and random.random() < 0.5,
        patience=Patience(retry_slow=retry_slow),
        clock_error_ns=error_ms * 1_000_000,
    )
    world.run(lambda: random.choice((0.1, 0.3, 1.0, 3.0)), limit_s=2000)
    assert sorted(world.granted) == sorted(world.goes) or world.aborted is not None


@settings(max_examples=40, deadline=None)
@given(shapes(), st.randoms(use_true_random=False))
def test_healthy_workers_are_all_granted_at_first_try(
    shape: tuple[int, tuple[int, ...], tuple[str, ...]], random: Random
) -> None:
    lanes, counts, kinds = shape
    world = World(make_plan(lanes, counts, kinds), fate=lambda shard, attempt: healthy_fate(random)).run()
    named = {shard: attempt for go in world.goes.values() for shard, attempt in go.attempts.items()}
    assert named == {planned.shard: 0 for planned in world.plan.shards}
    assert world.committed == named
    assert world.finished == Finish(())
    assert world.aborted is None


def test_the_first_go_comes_as_soon_as_all_are_ready() -> None:
    world = World(make_plan(3), fate=lambda shard, attempt: Fate(ready_s=1.0 + int(shard[2])))
    world.run()
    assert world.go_at["0-0"] == START_NS + 3 * S


def test_t0_leaves_three_polls_and_the_clocks_error() -> None:
    world = World(make_plan(1, poll_wait_s=1.0, start_delay_s=0.1), clock_error_ns=400_000_000).run()
    assert world.goes["0-0"].t0_unix_ns == world.go_at["0-0"] + round(3.4 * S)


def test_the_error_a_worker_reports_counts_too() -> None:
    fleet = Fleet(make_plan(1, start_delay_s=0.1), "w")
    assert [type(action) for action in fleet.decide(START_NS)] == [Invoke]
    fleet.ready(make_ready("0-0-0", error_ns=2 * S), START_NS)
    (create,) = fleet.decide(START_NS)
    assert isinstance(create, CreateGo)
    assert create.go.t0_unix_ns == START_NS + round(2.3 * S)


def test_too_few_ready_at_the_timeout_means_no_load() -> None:
    never = {"0-1-0", "0-2-0"}
    world = World(make_plan(3), fate=lambda shard, attempt: Fate(ready_s=None if shard in never else 0.5)).run()
    assert world.goes == {}
    assert isinstance(world.aborted, Abort) and world.aborted.reason == "ready"
    assert "1 of 3 shards" in world.aborted.message
    assert world.now_ns >= START_NS + 20 * S


def test_ready_min_lets_the_rest_go_at_the_timeout_and_not_before() -> None:
    slow = lambda shard, attempt: Fate(ready_s=None if shard == "0-2-0" else 0.5)  # noqa: E731
    world = World(make_plan(3, ready_min=0.6), fate=slow).run()
    assert world.goes["0-0"].attempts == {"0-0-0": 0, "0-1-0": 0}
    assert world.go_at["0-0"] >= START_NS + 20 * S


def test_what_dies_is_tried_again_and_given_up_without_waiting_for_the_timeout() -> None:
    world = World(make_plan(2), fate=lambda shard, attempt: Fate(ready_s=None, dies_s=0.2)).run()
    assert max(attempt for _, attempt in world.workers) == MAX_ATTEMPTS - 1
    assert world.aborted is not None and "2 of them ended 3 times" in world.aborted.message
    assert world.now_ns < START_NS + 3 * S


def test_a_slow_process_is_not_started_twice_a_slow_cloud_once() -> None:
    slow = lambda shard, attempt: Fate(ready_s=15.0)  # noqa: E731
    assert len(World(make_plan(1), fate=slow).run().workers) == 1
    on_cloud = World(make_plan(1), fate=slow, patience=Patience(retry_slow=True)).run()
    assert set(on_cloud.workers) == {("0-0-0", 0), ("0-0-0", 1)}
    assert on_cloud.goes["0-0"].attempts == {"0-0-0": 0}


def test_a_later_slice_goes_without_whom_it_must_before_its_boundary() -> None:
    late = lambda shard, attempt: Fate(ready_s=None if shard == "0-1-1" else 0.5)  # noqa: E731
    world = World(make_plan(2, (2,)), fate=late).run()
    boundary = world.goes["0-0"].t0_unix_ns + 10 * S
    assert world.goes["0-1"].attempts == {"0-0-1": 0}
    assert boundary - round(0.31 * S) <= world.go_at["0-1"] < boundary
    assert world.aborted is None


def test_an_orchestrator_that_slept_over_a_boundary_grants_nothing_there() -> None:
    world = World(make_plan(1, (3,), ("open",)))
    while "0-0" not in world.goes:
        world.step()
        world.now_ns += S // 10
    world.now_ns = world.goes["0-0"].t0_unix_ns + 11 * S
    world.run()
    assert set(world.goes) == {"0-0", "0-2"}
    assert world.fleet.groups[1].skipped


def test_a_stalled_attempt_is_not_granted() -> None:
    world = World(
        make_plan(2), fate=lambda shard, attempt: Fate(ready_s=0.5, stalls_s=1.0 if shard[2] == "0" else None)
    )
    world.fate = lambda shard, attempt: Fate(
        ready_s=0.5 if shard[2] == "0" else 8.0, stalls_s=1.0 if shard[2] == "0" else None
    )
    world.run()
    assert world.aborted is not None and world.goes == {}


def test_an_attempt_that_must_stop_too_early_is_not_granted() -> None:
    fleet = Fleet(make_plan(1), "w")
    fleet.decide(START_NS)
    fleet.ready(make_ready("0-0-0", until_ns=START_NS + 5 * S), START_NS)
    assert fleet.decide(START_NS) == []
    fleet.ready(make_ready("0-0-0", until_ns=START_NS + 60 * S), START_NS)
    assert isinstance(fleet.decide(START_NS)[0], CreateGo)


def test_phases_follow_each_other_with_their_pause() -> None:
    world = World(make_plan(2, (1, 1, 1), ("open", "closed_count", "open"), pause_s=3.0)).run()
    ends = [world.goes["0-0"].t0_unix_ns + 10 * S, world.goes["1-0"].t0_unix_ns + 5 * S]
    for end, after in zip(ends, ("1-0", "2-0")):
        assert world.goes[after].t0_unix_ns >= end + 3 * S
        assert world.goes[after].t0_unix_ns <= end + round(3.6 * S), "warmed up ahead"


def test_a_go_that_somebody_else_created_is_adopted() -> None:
    fleet = Fleet(make_plan(2), "w")
    fleet.decide(START_NS)
    for lane in (0, 1):
        fleet.ready(make_ready(f"0-{lane}-0"), START_NS)
    fleet.decide(START_NS)
    theirs = Go(0, 0, START_NS + 9 * S, START_NS + 9 * S, {"0-0-0": 0, "0-1-0": 1}, "x")
    fleet.go_settled(theirs, START_NS)
    assert fleet.decide(START_NS) == [Grant("0-0")]
    assert fleet.groups[0].go == theirs
    assert fleet.groups[0].shards[1].granted == 1


def test_a_stop_ends_it_once_granted_shards_have_committed() -> None:
    world = World(make_plan(2, (2,)))
    while "0-0" not in world.goes:
        world.step()
        world.now_ns += S // 10
    world.fleet.stopped(world.now_ns)
    assert world.fleet.decide(world.now_ns) == []
    world.fleet.receipt("0-0-0", 0)
    assert world.fleet.decide(world.now_ns) == []
    world.fleet.receipt("0-1-0", 0)
    assert world.fleet.decide(world.now_ns) == [Finish(())]


def test_a_stop_waits_for_a_frozen_worker_only_so_long() -> None:
    world = World(make_plan(2))
    while "0-0" not in world.goes:
        world.step()
        world.now_ns += S // 10
    world.fleet.stopped(world.now_ns)
    world.fleet.receipt("0-0-0", 0)
    assert world.fleet.decide(world.now_ns + 9 * S) == []
    assert world.fleet.decide(world.now_ns + 10 * S) == [Finish(("0-1-0",))]


def test_a_frozen_worker_does_not_hold_up_the_run_for_ever() -> None:
    world = World(make_plan(2, kinds=("closed_count",)), fate=lambda s, a: Fate(stalls_s=3.0 if s[2] == "0" else None))
    world.run()
    assert world.finished == Finish(("0-0-0",))
    assert world.now_ns < START_NS + 40 * S, "a lease after its last sign of life"


def test_a_fenced_orchestrator_only_watches() -> None:
    world = World(make_plan(2, (2,)))
    while "0-0" not in world.goes:
        world.step()
        world.now_ns += S // 10
    world.fleet.fenced()
    for _ in range(300):
        world.now_ns += S // 10
        assert world.fleet.decide(world.now_ns) == []
    world.fleet.stopped(world.now_ns)
    assert isinstance(world.fleet.decide(world.now_ns + 10 * S)[0], Finish)


def test_local_processes_of_a_later_slice_start_one_after_another() -> None:
    plan = make_plan(3, (2,), lead_s=4.2)
    assert patience_for(plan).spacing_ns == 400_000_000
    world = World(plan, patience=patience_for(plan)).run()
    born = sorted(worker.born_ns for (shard, _), worker in world.workers.items() if shard.endswith("-1"))
    assert all(later - earlier >= 0.35 * S for earlier, later in pairwise(born))
    assert world.committed.keys() == {planned.shard for planned in plan.shards}


def test_invocations_come_in_bursts_of_bounded_size() -> None:
    fleet = Fleet(make_plan(10), "w", patience=Patience(burst=4))
    assert [len(fleet.decide(START_NS)) for _ in range(4)] == [4, 4, 2, 0]


# Planted: a fleet that breaks a rule is caught by the referee above.


class GrantsTheDead(Fleet):
    def ended(self, shard: str, attempt: int, now_ns: int, *, clean: bool = False) -> None:
        pass


class RetriesAtOnce(Fleet):
    def _wants_attempt(self, group, shard, opened_ns, now_ns) -> bool:  # type: ignore[no-untyped-def]
        return shard.next_attempt < 2


class GoesTwice(Fleet):
    def decide(self, now_ns: int) -> list[Action]:
        actions = super().decide(now_ns)
        return [*actions, *(action for action in actions if isinstance(action, CreateGo))]


@pytest.mark.parametrize("planted", [GrantsTheDead, RetriesAtOnce, GoesTwice])
def test_planted_a_fleet_that_breaks_a_rule_is_caught(planted: type[Fleet]) -> None:
    dying = lambda shard, attempt: Fate(ready_s=0.5 + int(shard[2]), dies_s=1.0 if shard[2] == "0" else None)  # noqa: E731
    with pytest.raises(AssertionError):
        World(make_plan(2), fate=dying, fleet_type=planted).run()


def test_planted_a_go_after_its_boundary_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Timetable.boundary
    late = lambda self, group: None if right(self, group) is None else right(self, group) + S  # noqa: E731
    monkeypatch.setattr(Timetable, "boundary", late)
    with pytest.raises(AssertionError):
        World(make_plan(1, (2,)), fate=lambda shard, attempt: Fate(ready_s=4.5)).run()


def test_a_duplicate_that_left_says_nothing_about_who_holds_the_attempt() -> None:
    fleet = Fleet(make_plan(1), "w")
    fleet.decide(START_NS)
    fleet.ready(make_ready("0-0-0"), START_NS)
    (create,) = fleet.decide(START_NS)
    assert isinstance(create, CreateGo)
    fleet.go_settled(create.go, START_NS)
    fleet.ended("0-0-0", 0, START_NS + S, clean=True)
    assert fleet.decide(START_NS + S) == [Grant("0-0")]
    assert fleet.decide(START_NS + 2 * S) == [], "it may be sending still"
    fleet.ended("0-0-0", 0, START_NS + 3 * S)
    assert fleet.decide(START_NS + 3 * S) == [Finish(())]


def test_progress_of_an_unknown_attempt_is_taken_in() -> None:
    """After a takeover: somebody else invoked it."""
    fleet = Fleet(make_plan(1), "w")
    fleet.progress(make_progress("0-0-0", 2), START_NS)
    fleet.ready(make_ready("0-0-0", 2), START_NS)
    (create,) = fleet.decide(START_NS)
    assert isinstance(create, CreateGo) and create.go.attempts == {"0-0-0": 2}
