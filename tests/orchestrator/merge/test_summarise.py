"""How stages, lanes and findings come together; what each number is, is its own module's test."""

from __future__ import annotations

import msgspec
import pytest

from function.store.memory import MemoryStore
from orchestrator.merge.run import merge_run
from orchestrator.merge.summary import Summary
from tests.emulators.stored_run import HEALTH, MS, S, Stage, Truth


def summary(truth: Truth) -> Summary:
    store = MemoryStore()
    truth.write(store)
    return merge_run(store, sleep=lambda _: None).summary


def test_rates_of_the_whole_are_sums_over_sums() -> None:
    found = summary(Truth([Stage(10, 10), Stage(30, 30)]))
    assert found.run.load.rates.offered == pytest.approx(1000 / 40)
    assert found.run.load.window_s == 40.0
    assert found.stages[0].block.load.rates.offered == pytest.approx(10.0)
    assert found.run.load.arrivals.gap_cv is None, "two rates are no one sequence"
    assert found.stages[1].block.load.arrivals.gap_cv == pytest.approx(0.0, abs=1e-6)


def test_a_lanes_health_is_the_worst_of_its_invocations() -> None:
    truth = Truth([Stage(10, 20)], lanes=2, slices=2)
    truth.shards["0-1-0"].health = msgspec.structs.replace(HEALTH, cpu_p95=0.8, loop_lag_p99_ns=3 * MS)
    truth.shards["0-1-1"].health = msgspec.structs.replace(HEALTH, cold_start_ns=2 * S)
    truth.shards["0-1-1"].clock_offset_ns = -4 * MS
    truth.shards["0-0-0"].health = truth.shards["0-0-1"].health = None
    truth.each(lambda row: truth.delay(row, 2 * MS), lambda row: truth.lane_of(row) == 1)
    zero, one = summary(truth).lanes
    assert (zero.cpu_p95, zero.loop_lag_p99_s, zero.cold_start_s) == (None, None, None)
    assert (one.cpu_p95, one.loop_lag_p99_s, one.cold_start_s, one.clock_error_s) == (0.8, 0.003, 2.0, 0.004)
    assert zero.schedule_delay_p99_s == pytest.approx(0.0001)
    assert one.schedule_delay_p99_s == pytest.approx(0.0021)


def test_a_finding_says_its_stage() -> None:
    truth = Truth([Stage(5, 20), Stage(5, 20)])
    truth.each(lambda row: truth.fail(row), lambda row: row.stage == 1 and row.k % 10 == 0)
    (finding,) = [one for one in summary(truth).findings if one.code == "errors"]
    assert finding.scope.stage == 1


def test_a_saturated_stage_publishes_no_interval_and_neither_does_the_whole() -> None:
    truth = Truth([Stage(20, 20), Stage(20, 20)])
    truth.each(lambda row: truth.slow(row, max(0, row.scheduled_ns - 20 * S)), lambda row: row.stage == 1)
    found = summary(truth)
    assert "saturated" in {finding.code for finding in found.findings}
    assert found.stages[0].block.latency["time_to_first_token"].interval(50.0) is not None
    assert found.stages[1].block.latency["time_to_first_token"].interval(50.0) is None
    assert found.run.latency["time_to_first_token"].interval(50.0) is None


def test_loop_lag_is_judged_by_the_fastest_stage() -> None:
    truth = Truth([Stage(5, 20), Stage(5, 20)])
    truth.each(lambda row: truth.slow(row, 2 * S), lambda row: row.stage == 1)
    for shard in truth.shards.values():
        shard.health = msgspec.structs.replace(HEALTH, loop_lag_p99_ns=8 * MS)
    assert "loop_lag" in {finding.code for finding in summary(truth).findings}


def test_grades_go_with_the_intervals() -> None:
    assert summary(Truth([Stage(20, 20)])).run.interval_grade == "good"
    busy = Truth([Stage(20, 20)])
    busy.each(lambda row: busy.slow(row, 3 * S), lambda row: 5 * S < row.scheduled_ns < 15 * S)
    found = summary(busy)
    assert found.run.interval_grade == "fair"
