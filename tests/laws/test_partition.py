"""Law 1: lanes and slices partition the plan. Whatever N and W, the shards together hold exactly its requests: none
lost, none doubled, none moved, none changed; and workload_hash knows nothing of either.

The planted violations are the mistakes other tools made: each must be seen by the same check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.plan import workload
from orchestrator.plan.build import Built
from orchestrator.plan.partition import Share, partition
from orchestrator.plan.phases import Phase
from tests.orchestrator.plan.planned import CONVERSATIONS, Request, built, every_request, requests, spec

LOADS: dict[str, dict[str, Any]] = {
    "even ramp": {"type": "constant", "stages": [{"rate": 1, "rate_end": 25, "duration": 10}]},
    "poisson with a pause": {"type": "poisson", "stages": [{"rate": 20, "duration": 4}, {"rate": 9, "duration": 3}]},
    "bursts": {"type": "gamma", "burstiness": 0.2, "stages": [{"rate": 25, "duration": 5}]},
    "users by count": {
        "type": "concurrent",
        "stages": [{"concurrency_level": 3, "num_requests": 50}, {"concurrency_level": 9, "num_requests": 41}],
    },
}


def plan(name: str, lanes: int, slice_s: float | str) -> Built:
    data = {"type": "shareGPT", "path": CONVERSATIONS}
    return built(LOADS[name], data=data, fanout={"lanes": lanes, "slice": slice_s})


@cache
def whole(name: str) -> tuple[Built, dict[int, Request]]:
    made = plan(name, 1, "auto")
    return made, {request.k: request for request in every_request(made)}


def violations(name: str, made: Built) -> Iterator[str]:
    """Everything by which a plan's shards differ from the plan."""
    reference, expected = whole(name)
    seen: dict[int, str] = {}
    for files in made.shards:
        own = spec(files)
        before = -1
        for request in requests(made, files):
            if request.k in seen:
                yield f"{request.k} doubled in {seen[request.k]} and {own.shard}"
            seen[request.k] = own.shard
            if request != expected.get(request.k):
                yield f"{request.k} moved or changed"
            if request.k % own.lanes != own.lane:
                yield f"{request.k} in lane {own.lane} of {own.lanes}"
            if own.slice_end_ns is not None and not own.slice_start_ns <= request.scheduled_ns < own.slice_end_ns:
                yield f"{request.k} outside its slice"
            if request.k <= before:
                yield f"{request.k} out of order"
            before = request.k
    yield from (f"{k} lost" for k in expected.keys() - seen.keys())
    if made.plan.workload_hash != reference.plan.workload_hash:
        yield "another workload_hash"


@settings(max_examples=40, deadline=None)
@given(name=st.sampled_from(sorted(LOADS)), lanes=st.integers(1, 13), slice_ms=st.integers(300, 12_000))
def test_any_lanes_and_slices_hold_exactly_the_plan(name: str, lanes: int, slice_ms: int) -> None:
    assert list(violations(name, plan(name, lanes, slice_ms / 1000))) == []


def test_a_plan_is_not_empty() -> None:
    assert {name: len(whole(name)[1]) for name in LOADS} == {
        "even ramp": 130,
        "poisson with a pause": len(whole("poisson with a pause")[1]),
        "bursts": len(whole("bursts")[1]),
        "users by count": 91,
    }
    assert len(whole("poisson with a pause")[1]) > 60 and len(whole("bursts")[1]) > 60


def loses_the_last(phase: Phase, lanes: int) -> Iterator[Share]:
    """Rounds each lane's share down."""
    for share in partition(phase, lanes):
        yield share._replace(stop=max(share.first, share.stop - 1)) if share.lane == 0 else share


def counts_lanes_from_one(phase: Phase, lanes: int) -> Iterator[Share]:
    """Lane i also takes what lane i - 1 has, and nobody takes the last."""
    for share in partition(phase, lanes):
        yield share._replace(first=max(0, share.first - 1))


def starts_every_lane_at_once(phase: Phase, lanes: int) -> Iterator[Share]:
    """Each lane at rate/N from its own zero: all of them begin with the first arrivals."""
    for share in partition(phase, lanes):
        yield share._replace(first=0)


def cuts_in_runs(phase: Phase, lanes: int) -> Iterator[Share]:
    """Lane i gets the i-th part of the time instead of every N-th arrival."""
    for share in partition(phase, lanes):
        rows = phase.slice_rows[share.slice]
        edges = [rows * lane // lanes for lane in (share.lane, share.lane + 1)]
        yield share._replace(first=edges[0], stop=edges[1], step=1)


@pytest.mark.parametrize(
    "broken", [loses_the_last, counts_lanes_from_one, starts_every_lane_at_once, cuts_in_runs], ids=lambda f: f.__name__
)
def test_planted_violations_are_seen(
    broken: Callable[[Phase, int], Iterator[Share]], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole("even ramp")
    monkeypatch.setattr(workload, "partition", broken)
    assert list(violations("even ramp", plan("even ramp", 3, 4.0))) != []
