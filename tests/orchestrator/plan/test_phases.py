from __future__ import annotations

import numpy as np

from orchestrator.plan.phases import INDICES_PER_ROW, PREPARED_MOST, Schedule, schedule
from tests.orchestrator.plan.planned import config


def planned(load: dict[str, object], slice_s: float | None = None, seed: int = 7) -> Schedule:
    return schedule(config(load).load, seed, slice_s)


def test_an_open_loop_is_one_phase_and_stages_follow_after_the_interval() -> None:
    found = planned({"type": "constant", "stages": [{"rate": 2, "duration": 3}, {"rate": 4, "duration": 1.5}]})
    [phase] = found.phases
    assert (phase.kind, phase.stages, phase.stage_rows, phase.rows) == ("open", (0, 1), (0, 6), 12)
    assert phase.scheduled_ns is not None
    assert (phase.scheduled_ns[:7] / 1e9).tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 4]
    assert [(stage.start_s, stage.duration_s, stage.requests) for stage in found.stages] == [(0, 3, 6), (4, 1.5, 6)]
    assert phase.slices[-1].end_ns == 5_500_000_000


def test_slices_cut_by_time_and_the_last_ends_with_the_phase() -> None:
    found = planned({"stages": [{"rate": 10, "duration": 25}]}, slice_s=10)
    [phase] = found.phases
    assert [(cut.start_ns, cut.end_ns) for cut in phase.slices] == [
        (0, 10**10),
        (10**10, 2 * 10**10),
        (2 * 10**10, 25 * 10**9),
    ]
    assert phase.slice_rows == (100, 100, 50)  # an arrival on the boundary belongs to the later slice


def test_slices_change_no_arrival() -> None:
    load = {"type": "poisson", "stages": [{"rate": 50, "duration": 20}, {"rate": 10, "rate_end": 90, "duration": 10}]}
    times = [planned(load, slice_s).phases[0].scheduled_ns for slice_s in (None, 0.7, 13)]
    assert times[0] is not None and all(np.array_equal(times[0], other) for other in times)


def test_random_counts_are_fixed_by_the_seed() -> None:
    load = {"type": "gamma", "burstiness": 0.3, "stages": [{"rate": 50, "duration": 20}]}
    assert planned(load).requests == planned(load).requests
    assert len({planned(load, seed=seed).requests for seed in range(5)}) > 1


def test_each_closed_stage_by_count_is_a_phase_with_numbers_that_go_on() -> None:
    stages = [{"concurrency_level": 4, "num_requests": 80}, {"concurrency_level": 8, "num_requests": 20}]
    found = planned({"type": "concurrent", "interval": 2, "stages": stages}, slice_s=5)
    first, second = found.phases
    assert (first.kind, first.first_ks, first.rows, first.users, first.pause_before_s) == (
        "closed_count",
        (0,),
        80,
        4,
        0,
    )
    assert (second.kind, second.first_ks, second.rows, second.users, second.pause_before_s) == (
        "closed_count",
        (80,),
        20,
        8,
        2,
    )
    assert [(cut.start_ns, cut.end_ns) for cut in first.slices] == [(0, None)]
    assert found.requests == 100 and second.past_k == 100
    assert [stage.label for stage in found.stages] == ["4 users", "8 users"]


def test_a_closed_loop_by_time_prepares_rows_per_slice_and_plans_no_count() -> None:
    found = planned({"type": "concurrent", "stages": [{"concurrency_level": 3, "duration": 25}]}, slice_s=10)
    [phase] = found.phases
    assert phase.kind == "closed_time" and found.requests is None
    assert phase.slice_rows == (600, 600, 600)  # 3 users x 20 a second x 10 s
    assert phase.block == 600 * INDICES_PER_ROW
    assert phase.first_ks == (0, phase.block, 2 * phase.block)


def test_prepared_rows_are_bounded_and_never_fewer_than_users() -> None:
    most = planned({"type": "concurrent", "stages": [{"concurrency_level": 5000, "duration": 600}]}).phases[0]
    least = planned({"type": "concurrent", "stages": [{"concurrency_level": 50, "duration": 0.01}]}).phases[0]
    assert (most.rows, least.rows) == (PREPARED_MOST, 50)


def test_warmup_is_carried_to_the_plan() -> None:
    found = planned({"stages": [{"rate": 1, "duration": 1, "warmup": True}, {"rate": 1, "duration": 1}]})
    assert [stage.warmup for stage in found.stages] == [True, False]
