from __future__ import annotations

from typing import Any

from orchestrator.plan import budget
from orchestrator.plan.phases import schedule
from tests.orchestrator.plan.planned import config, outlined

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


def test_a_plan_of_more_shards_than_can_be_watched_is_refused() -> None:
    found = outlined({"stages": [{"rate": 10, "duration": 1000}]}, fanout={"lanes": 200, "slice": 1})
    assert "too_many_shards" in [one.code for one in found.problems]
