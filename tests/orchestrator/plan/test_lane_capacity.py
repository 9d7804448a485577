from __future__ import annotations

import pytest

from orchestrator.plan.lane_capacity import ASSUMED, LaneCapacity


def test_a_lane_is_planned_for_half_of_a_full_core() -> None:
    capacity = LaneCapacity(600.0, 4000.0, "here")
    assert capacity.requests_per_s(streaming=True) == pytest.approx(300.0)
    assert capacity.requests_per_s(streaming=False) == pytest.approx(2000.0)
    assert capacity.streams(streaming=True) == 750


def test_without_a_measurement_200_requests_and_500_streams_are_assumed() -> None:
    for streaming in (True, False):
        assert (ASSUMED.requests_per_s(streaming), ASSUMED.streams(streaming)) == (200.0, 500)
    assert "--calibrate" in ASSUMED.source


def test_even_a_very_slow_lane_has_a_stream() -> None:
    assert LaneCapacity(0.01, 0.01, "a slow machine").streams(streaming=True) == 1
