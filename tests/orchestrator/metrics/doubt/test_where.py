from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.metrics.doubt.where import lanes_beyond, lanes_of, quantile_by_lane, scope_of
from tests.emulators.tables import answered, view

pairs = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1000)), min_size=1, max_size=80)


@given(pairs, st.sampled_from([0.0, 0.5, 0.95, 0.99, 1.0]))
@settings(max_examples=150)
def test_quantiles_lane_by_lane_are_numpys(raw: list[tuple[int, int]], share: float) -> None:
    lane, values = np.array(raw).T
    found = quantile_by_lane(lane.astype(np.int32), values, share)
    for number, count, value in zip(found.lanes, found.counts, found.values):
        own = values[lane == number]
        assert count == own.size
        assert value == pytest.approx(np.quantile(own, share))
    assert set(found.lanes.tolist()) == set(lane.tolist())


@given(pairs, st.sampled_from([0.5, 0.95]), st.integers(0, 1000))
@settings(max_examples=150)
def test_lanes_beyond_a_limit_are_just_those(raw: list[tuple[int, int]], share: float, limit: int) -> None:
    lane, values = np.array(raw).T
    every = quantile_by_lane(lane.astype(np.int32), values, share)
    found = lanes_beyond(lane.astype(np.int32), values, share, limit)
    assert found.lanes.tolist() == every.lanes[every.values > limit].tolist()
    assert found.values.tolist() == every.values[every.values > limit].tolist()


def test_no_values_no_lanes() -> None:
    nothing = np.empty(0, np.int32)
    assert quantile_by_lane(nothing, np.empty(0, np.int64), 0.5).lanes.size == 0
    assert lanes_beyond(nothing, np.empty(0, np.int64), 0.5, 1).lanes.size == 0


def test_a_lane_is_named_when_nearly_all_is_its_own() -> None:
    requests = answered(np.arange(40.0), 0.1, shard_ids=("0-0-0", "0-5-2"), shard=(np.arange(40) % 2).astype(np.int32))
    found = view(requests, 40.0)
    scope = scope_of(found, requests.lane == 5)
    assert (scope.stage, scope.lane, scope.slice, scope.from_s, scope.to_s) == (0, 5, 2, 1.0, 39.0)
    assert scope_of(found, np.ones(40, np.bool_)).lane is None
    assert scope_of(found, np.zeros(40, np.bool_)).from_s is None
    assert lanes_of(requests) == 2


def test_the_only_lane_is_not_worth_naming() -> None:
    requests = answered(np.arange(4.0), 0.1)
    assert scope_of(view(requests, 4.0), np.array([1])).lane is None
