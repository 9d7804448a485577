"""The run apart by region: its parts add up to the whole, and one place is no comparison."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.merge.regions import by_region, region_codes
from orchestrator.metrics.latency import TTFT
from orchestrator.metrics.ledger import ledger_of
from orchestrator.metrics.requests import Requests
from tests.emulators.tables import answered


def spread(n: int, lanes: int, slow_lanes: set[int]) -> Requests:
    """Lane k mod lanes; slow ones answer after 100 ms, the others after 10."""
    lane = np.arange(n) % lanes
    ttft = np.where(np.isin(lane, list(slow_lanes)), 0.1, 0.01)
    ids = tuple(f"0-{number}-0" for number in range(lanes))
    return answered(np.arange(n), ttft, shard_ids=ids, shard=lane.astype(np.int32))


@given(st.integers(1, 60), st.integers(1, 6), st.integers(2, 4))
def test_regions_add_up_to_the_run(n: int, lanes: int, regions: int) -> None:
    requests = spread(n, lanes, set())
    found = by_region(requests, requests, [f"r{number}" for number in range(regions)], lanes, True)
    assert sum(one.ledger.ok for one in found) == ledger_of(requests.status).ok == n
    assert sum(one.latency[TTFT].count for one in found) == n
    assert sum(one.lanes for one in found) == lanes


def test_a_slower_region_shows() -> None:
    requests = spread(100, 4, {1, 3})
    near, far = by_region(requests, requests, ["near", "far"], 4, True)
    assert (near.region, near.lanes, far.lanes) == ("near", 2, 2)
    assert near.latency[TTFT].at(50.0) == 0.01 and far.latency[TTFT].at(50.0) == 0.1


def test_warm_up_is_in_the_ledger_and_measured_by_nothing() -> None:
    requests = spread(10, 2, set())
    one, _ = by_region(requests, requests.where(np.zeros(10, bool)), ["a", "b"], 2, True)
    assert (one.ledger.ok, one.latency[TTFT].count) == (5, 0)


def test_one_region_is_no_comparison() -> None:
    requests = spread(4, 2, set())
    assert by_region(requests, requests, [], 2, True) == by_region(requests, requests, ["a"], 2, True) == ()
    assert region_codes(requests, 2).tolist() == [0, 1, 0, 1]
