from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.config.load import Load
from orchestrator.config.load_checks import check_load, check_turns


def found(load: dict[str, Any]) -> list[tuple[str, str]]:
    return [(problem.path, problem.code) for problem in check_load(Load.model_validate(load))]


def one(**stage: Any) -> dict[str, Any]:
    return {"stages": [stage]}


@pytest.mark.parametrize(
    "load",
    [
        one(rate=50, duration="60s"),
        one(rate=1, rate_end=25, duration="30s"),
        one(rate=10, rate_end=50, steps=5, duration="60s"),
        one(rate=10, spike={"rate": 200, "at": "20s", "for": "5s"}, duration="60s"),
        one(rate=10, spike={"rate": 200, "at": "55s", "for": "5s"}, duration="60s"),
        one(rate=10, spike={"rate": 0, "at": 0, "for": "5s"}, duration="60s"),
        one(rate=50, sine={"amplitude": 30, "period": "20s"}, duration="60s"),
        one(rate=50, sine={"amplitude": 50, "period": "20s"}, duration="60s"),
        one(rate=0, rate_end=5, duration=5),
        one(rate=5, rate_end=0, duration=5),
        one(rate=0, spike={"rate": 5, "at": 1, "for": 1}, duration=5),
        one(rate=38, duration=150, num_requests=None, concurrency_level=None),
        {"type": "poisson", **one(rate=1, duration=1)},
        {"type": "gamma", "burstiness": 0.5, **one(rate=1, duration=1)},
        {"type": "concurrent", **one(concurrency_level=8, num_requests=200)},
        {"type": "concurrent", **one(concurrency_level=8, duration="60s", rate=None)},
        {"stages": [{"rate": 1, "duration": 1, "warmup": True}, {"rate": 1, "duration": 1}]},
        {"sweep": {"type": "linear"}},
        {"type": "trace_replay", "trace": {"file": "t.csv"}},
        {"type": "trace_session_replay", **one(concurrent_sessions=5, session_rate=5, num_sessions=50)},
        {"request_timeout": 5, **one(rate=1, duration=1)},  # the default connect limit of 10 s is no contradiction
        {"lora_traffic_split": [{"name": n, "split": 0.1} for n in "abcdefghij"], **one(rate=1, duration=1)},
    ],
)
def test_what_the_interface_allows(load: dict[str, Any]) -> None:
    assert found(load) == []


@pytest.mark.parametrize(
    ("load_type", "refused"), [("constant", True), ("poisson", True), ("gamma", True), ("concurrent", False)]
)
def test_turns_have_no_place_in_a_schedule_of_arrivals(load_type: str, refused: bool) -> None:
    problems = list(check_turns(Load.model_validate({"type": load_type})))
    assert [(one.path, one.code) for one in problems] == ([("load.type", "impossible")] if refused else [])


S = "load.stages.0"


@pytest.mark.parametrize(
    ("load", "places"),
    [
        ({}, [("load.stages", "missing_key")]),
        ({"type": "concurrent", "stages": []}, [("load.stages", "missing_key")]),
        (one(), [(f"{S}.rate", "missing_key"), (f"{S}.duration", "missing_key")]),
        (one(rate=0, duration=1), [(f"{S}.rate", "impossible")]),
        (one(rate=0, rate_end=0, duration=1), [(f"{S}.rate", "impossible")]),
        (one(rate=0, spike={"rate": 0, "at": 0, "for": 1}, duration=1), [(f"{S}.rate", "impossible")]),
        (one(rate=5, steps=3, duration=1), [(f"{S}.steps", "impossible")]),
        (one(rate=5, rate_end=6, spike={"rate": 9, "at": 0, "for": 1}, duration=1), [(S, "impossible")]),
        (one(rate=5, spike={"rate": 9, "at": 8, "for": 3}, duration=10), [(f"{S}.spike", "impossible")]),
        (one(rate=5, sine={"amplitude": 6, "period": 1}, duration=10), [(f"{S}.sine.amplitude", "impossible")]),
        (one(rate=5, duration=1, num_requests=5), [(f"{S}.num_requests", "impossible")]),
        (one(rate=5, duration=1, timeout=5), [(f"{S}.timeout", "impossible")]),
        ({"stages": [{"rate": 1, "duration": 1, "warmup": True}]}, [("load.stages", "impossible")]),
        ({"type": "concurrent", **one(concurrency_level=8)}, [(f"{S}.num_requests", "missing_key")]),
        ({"type": "concurrent", **one(num_requests=8)}, [(f"{S}.concurrency_level", "missing_key")]),
        ({"type": "concurrent", **one(concurrency_level=8, num_requests=1, duration=1)}, [(S, "impossible")]),
        ({"type": "concurrent", **one(concurrency_level=8, num_requests=1, rate=1)}, [(f"{S}.rate", "impossible")]),
        ({"burstiness": 0.5, **one(rate=1, duration=1)}, [("load.burstiness", "impossible")]),
        (
            {"type": "concurrent", "max_concurrency": 5, **one(concurrency_level=1, num_requests=1)},
            [("load.max_concurrency", "impossible")],
        ),
        ({"type": "gamma", "sweep": {"type": "linear"}}, [("load.sweep", "impossible")]),
        ({"type": "trace_replay"}, [("load.trace", "missing_key")]),
        ({"type": "trace_session_replay", **one()}, [(f"{S}.concurrent_sessions", "missing_key")]),
        (
            {"type": "trace_session_replay", **one(concurrent_sessions=2, session_rate=3)},
            [(f"{S}.session_rate", "impossible")],
        ),
        (
            {"request_timeout": {"first_token": 20, "total": 10}, **one(rate=1, duration=1)},
            [("load.request_timeout.first_token", "impossible")],
        ),
        (
            {"lora_traffic_split": [{"name": "a", "split": 0.5}], **one(rate=1, duration=1)},
            [("load.lora_traffic_split", "impossible")],
        ),
        (
            {"lora_traffic_split": [{"name": "a", "split": 0.5}] * 2, **one(rate=1, duration=1)},
            [("load.lora_traffic_split", "impossible")],
        ),
    ],
)
def test_contradictions_are_named_where_they_are(load: dict[str, Any], places: list[tuple[str, str]]) -> None:
    assert found(load) == places


def test_every_stage_is_looked_at() -> None:
    load = {"stages": [{"rate": 1, "duration": 1}, {"rate": 1}, {"duration": 1}]}
    assert [path for path, _ in found(load)] == ["load.stages.1.duration", "load.stages.2.rate"]


@given(at=st.integers(0, 1000), length=st.integers(1, 1000), end=st.integers(1, 1000))
def test_a_spike_must_end_within_the_stage_exactly(at: int, length: int, end: int) -> None:
    """In tenths of a second, where binary rounding would show."""
    stage = one(rate=5, duration=end / 10, spike={"rate": 9, "at": at / 10, "for": length / 10})
    assert (found(stage) == []) is (at + length <= end)
