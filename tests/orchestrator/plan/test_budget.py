from __future__ import annotations

import time
from typing import Any

import pytest

from orchestrator.config.invalid import ConfigInvalid
from orchestrator.plan import budget
from orchestrator.plan.outline import outline
from orchestrator.plan.phases import schedule
from tests.orchestrator.plan.planned import config, inputs, outlined

LOAD = {"stages": [{"rate": 10, "rate_end": 40, "duration": 30}, {"rate": 1, "duration": 29}]}


def exceeded(**given: Any) -> list[tuple[str, str, str]]:
    found = outlined(LOAD, budget=given, fanout={"lanes": 4})
    return [(one.severity, one.code, one.path) for one in found.problems]


def test_what_is_exceeded_is_an_error_at_its_key() -> None:
    assert exceeded(max_lanes=3) == [("error", "budget_exceeded", "budget.max_lanes")]
    assert exceeded(max_requests_per_s=39.9) == [("error", "budget_exceeded", "budget.max_requests_per_s")]
    assert exceeded(max_duration=59) == [("error", "budget_exceeded", "budget.max_duration")]


def test_what_is_just_met_is_none() -> None:
    assert exceeded(max_lanes=4, max_requests_per_s=40, max_duration=60, max_usd=0) == []
    assert exceeded() == []


def test_cost_above_the_budget_is_refused_and_an_unknown_cost_is_not() -> None:
    asked = config(LOAD, budget={"max_usd": 1})
    assert [one.path for one in budget.check_cost(asked, 1.5)] == ["budget.max_usd"]
    assert list(budget.check_cost(asked, None)) == []


def test_stages_by_count_have_no_length() -> None:
    stages = [{"concurrency_level": 1, "num_requests": 5}, {"concurrency_level": 1, "duration": 7}]
    plan = schedule(config({"type": "concurrent", "interval": 2, "stages": stages}).load, 7, None)
    assert budget.planned_length_s(plan) == 9.0


def test_a_plan_without_a_request_is_refused() -> None:
    found = outlined({"type": "poisson", "stages": [{"rate": 0.001, "duration": 1}]})
    assert [(one.code, one.path) for one in found.problems] == [("no_requests", "load.stages")]


USERS = {"type": "concurrent", "stages": [{"concurrency_level": 9000, "duration": 600_000_000}]}


@pytest.mark.parametrize(
    ("load", "fanout", "code", "path"),
    [
        ({"stages": [{"rate": 10, "duration": 1000}]}, {"lanes": 200, "slice": 1}, "too_many_shards", "fanout.slice"),
        ({"stages": [{"rate": 1e-3, "duration": 1e8}]}, {"slice": "1ms"}, "too_many_shards", "fanout.slice"),
        (USERS, {"slice": "1h"}, "too_many_requests", "load.stages.0"),
        (
            {"type": "poisson", "stages": [{"rate": 1, "duration": 1}, {"rate": 9e8, "duration": 9e8}]},
            {},
            "too_many_requests",
            "load.stages.1",
        ),
        (
            {"type": "concurrent", "stages": [{"concurrency_level": 5, "num_requests": 10**15}]},
            {},
            "too_many_requests",
            "load.stages.0",
        ),
        (
            {"type": "gamma", "burstiness": 1e-9, "stages": [{"rate": 1, "duration": 1}]},
            {},
            "impossible",
            "load.burstiness",
        ),
    ],
)
def test_what_is_too_large_is_refused_before_it_is_laid_out(
    load: dict[str, Any], fanout: dict[str, Any], code: str, path: str
) -> None:
    started = time.monotonic()
    with pytest.raises(ConfigInvalid) as refused:
        outlined(load, fanout=fanout)
    assert (code, path) in [(one.code, one.path) for one in refused.value.problems]
    assert time.monotonic() - started < 5


def test_many_slices_of_one_lane_are_counted_in_seconds() -> None:
    started = time.monotonic()
    found = outlined({"stages": [{"rate": 1, "duration": 40_000}]}, fanout={"lanes": 1, "slice": 1})
    assert found.slices == 40_000 and found.peak_concurrency == 125  # 1 + the drain of 120 s + the lead of 3.4 s
    assert time.monotonic() - started < 20  # measured: 0.3 s


def too_many(provider: str = "local", cpus: int = 2, **fanout: Any) -> list[tuple[str, str, str]]:
    asked = config({"stages": [{"rate": 300, "duration": 100}]}, fanout=fanout)
    found = outline(asked, inputs(asked, provider=provider, cpus=cpus)).problems
    return [(one.severity, one.code, one.path) for one in found if one.code == "too_many_processes"]


def test_one_machine_runs_only_so_many_processes_at_once() -> None:
    assert too_many(lanes=129) == [("error", "too_many_processes", "fanout.lanes")]
    assert too_many(lanes=128) == []
    assert too_many(lanes=129, cpus=3) == []
    assert too_many(lanes=65, slice=50) == [("error", "too_many_processes", "fanout.lanes")], "the next slice's as well"
    assert too_many(lanes=64, slice=50) == []
    assert too_many("aws", lanes=500) == []


def test_one_machine_starts_only_so_many_processes_in_all() -> None:
    assert too_many(lanes=21, slice=1) == [("error", "too_many_processes", "fanout.slice")]
    assert too_many(lanes=20, slice=1) == []
