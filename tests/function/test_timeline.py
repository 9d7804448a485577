"""The run's t0 on the worker's clock."""

from __future__ import annotations

from function.contract.control import Go
from function.timeline import lay_out
from tests.function.little_run import shard_spec, workload_part
from tests.function.virtual import SECOND, VirtualClock

SPEC = shard_spec(workload_part([0]), slice_start_ns=2 * SECOND, slice_end_ns=5 * SECOND)


def test_t0_is_mapped_through_the_stores_clock_however_wrong_the_wall_clock_is() -> None:
    for wall_offset_ns in (0, 7 * SECOND, -3600 * SECOND):
        clock = VirtualClock(wall_offset_ns)
        t0_unix_ns = clock.true_unix_ns() + SECOND // 2
        timeline = lay_out(Go(0, 0, t0_unix_ns, t0_unix_ns, {}, "w"), SPEC, clock, -wall_offset_ns)
        assert timeline.origin_ns == clock.now_ns() + SECOND // 2
        assert timeline.since_t0(clock.now_ns()) == -SECOND // 2


def test_a_later_phase_counts_from_the_runs_first_t0() -> None:
    clock = VirtualClock()
    run_t0 = clock.true_unix_ns() - 100 * SECOND
    go = Go(1, 0, run_t0 + 101 * SECOND, run_t0, {}, "w")
    timeline = lay_out(go, SPEC, clock, 0, send_until_unix_ns=run_t0 + 500 * SECOND)
    assert timeline.origin_ns == clock.now_ns() - 100 * SECOND
    assert timeline.phase_ns == 101 * SECOND
    assert (timeline.start_ns, timeline.end_ns) == (103 * SECOND, 106 * SECOND)
    assert timeline.send_until_ns == 500 * SECOND


def test_a_slice_bounded_by_count_has_no_end() -> None:
    clock = VirtualClock()
    spec = shard_spec(workload_part([0]), kind="closed_count", slice_end_ns=None)
    timeline = lay_out(Go(0, 0, 0, 0, {}, "w"), spec, clock, 0)
    assert (timeline.end_ns, timeline.send_until_ns) == (None, None)


class Stalling(VirtualClock):
    """Loses the core for 30 ms between its first two readings."""

    stalls = 1

    def wall_ns(self) -> int:
        if self.stalls:
            self.stalls -= 1
            self.advance(0.03)
        return super().wall_ns()


def test_the_pair_of_readings_is_the_closest_of_a_few() -> None:
    clock = Stalling()
    t0_unix_ns = clock.true_unix_ns()
    begun_ns = clock.now_ns()
    assert lay_out(Go(0, 0, t0_unix_ns, t0_unix_ns, {}, "w"), SPEC, clock, 0).origin_ns == begun_ns
